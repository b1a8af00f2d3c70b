using System;
using System.IO;
using System.Text;

// JSON as far as these programs need it, and files that may not be there.
public static class Texts {
    // A text of a flat JSON object.
    public static string Config(string json, string name) {
        var key = "\"" + name + "\":\"";
        var at = json.IndexOf(key, StringComparison.Ordinal) + key.Length;
        var text = new StringBuilder();
        for (; json[at] != '"'; at++) {
            if (json[at] != '\\') {
                text.Append(json[at]);
                continue;
            }
            var kind = json[++at];
            if (kind == 'u') {
                text.Append((char)Convert.ToInt32(json.Substring(at + 1, 4), 16));
                at += 4;
            } else {
                text.Append(kind == 'n' ? '\n' : kind == 't' ? '\t' : kind);
            }
        }
        return text.ToString();
    }

    public static string Json(string text) {
        return text == null ? "null" : "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"";
    }

    public static string Variable(string name) {
        return Environment.GetEnvironmentVariable(name);
    }

    public static string State(string name) {
        return Path.Combine(Variable("STATE_DIR"), name);
    }

    public static void Put(string name, string text) {
        Directory.CreateDirectory(Path.GetDirectoryName(State(name)));
        File.WriteAllText(State(name), text);
    }

    // Null where there is no such file.
    public static string Read(string path) {
        return File.Exists(path) ? File.ReadAllText(path) : null;
    }
}
