using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;

// Answers queries: once where QUERY_PATH is set, else by HTTP; see steps.md.
public static class Query {
    // The parameters are JSON already.
    static string Answer(string path, string parameters) {
        var mark = Texts.Read(Texts.State("mark"));
        if (path == "/error") {
            return "{\"status\": \"error\", \"error\": " + Texts.Json("no " + (mark ?? "null") + " here") + "}";
        }
        if (path == "/throw") throw new InvalidOperationException("kaboom");
        if (path == "/big") return "{\"status\": \"ok\", \"data\": \"" + new string('x', 400000) + "\"}";
        if (path == "/write") Texts.Put("mark", "written by a query");
        return "{\"status\": \"ok\", \"data\": {\"mark\": " + Texts.Json(mark) + ", \"params\": " + parameters
            + ", \"path\": " + Texts.Json(Texts.Variable("QUERY_PATH"))
            + ", \"number\": " + Texts.Json(Texts.Variable("QUERY_PARAM_number"))
            + ", \"text\": " + Texts.Json(Texts.Variable("QUERY_PARAM_text")) + "}}";
    }

    static void ServeOne(TcpClient client) {
        var stream = client.GetStream();
        var request = new MemoryStream();
        var block = new byte[4096];
        while (true) {
            var size = stream.Read(block, 0, block.Length);
            if (size == 0) return;
            request.Write(block, 0, size);
            var text = Encoding.UTF8.GetString(request.ToArray());
            var head = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (head < 0) continue;
            var length = 0;
            foreach (var line in text.Substring(0, head).Split('\n')) {
                if (line.StartsWith("Content-Length: ", StringComparison.Ordinal)) {
                    length = int.Parse(line.Substring(16).Trim());
                }
            }
            var body = text.Substring(head + 4);
            if (Encoding.UTF8.GetByteCount(body) < length) continue;
            var found = Encoding.UTF8.GetBytes(Answer(text.Split(' ')[1].Split('?')[0], body));
            var start = "HTTP/1.1 200 OK\r\nContent-Length: " + found.Length + "\r\nConnection: close\r\n\r\n";
            stream.Write(Encoding.ASCII.GetBytes(start), 0, start.Length);
            stream.Write(found, 0, found.Length);
            return;
        }
    }

    static int Serve() {
        var listening = new TcpListener(IPAddress.Any, int.Parse(Texts.Variable("THE0_QUERY_PORT") ?? "9476"));
        listening.Start();
        while (true) {
            var client = listening.AcceptTcpClient();
            try {
                ServeOne(client);
            } finally {
                client.Close();
            }
        }
    }

    public static int Main() {
        var path = Texts.Variable("QUERY_PATH");
        if (path == null) return Serve();
        var found = Answer(path, Texts.Variable("QUERY_PARAMS"));
        if (path == "/print") Console.WriteLine("not the answer\n" + found);
        else File.WriteAllText("/query/result.json", found);
        return path == "/error" ? 1 : 0;
    }
}
