using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

// Does what the lines of its configuration's "steps" say; see steps.md.
public static class Bot {
    static volatile bool stopped;
    static string last;
    static object registration;

    // .NET has this class since 6; the compiler that is to be had knows older ones only.
    static void OnSigterm(string handler) {
        var core = typeof(object).Assembly;
        Func<string, Type> named = name => Type.GetType("System.Runtime.InteropServices." + name + ", "
            + core.FullName) ?? Type.GetType("System.Runtime.InteropServices." + name
            + ", System.Runtime.InteropServices");
        var context = typeof(Action<>).MakeGenericType(named("PosixSignalContext"));
        var method = typeof(Bot).GetMethod(handler, BindingFlags.Static | BindingFlags.NonPublic);
        var create = named("PosixSignalRegistration").GetMethod("Create");
        var sigterm = Enum.Parse(named("PosixSignal"), "SIGTERM");
        registration = create.Invoke(null, new[] { sigterm, Delegate.CreateDelegate(context, method) });
    }

    static void Stop(object context) {
        Ignore(context);
        stopped = true;
    }

    static void Ignore(object context) {
        context.GetType().GetProperty("Cancel").SetValue(context, true, null);
    }

    static int Hour(string zone, long instant) {
        var known = zone == "local" ? TimeZoneInfo.Local : TimeZoneInfo.FindSystemTimeZoneById(zone);
        var moment = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddSeconds(instant);
        return TimeZoneInfo.ConvertTimeFromUtc(moment, known).Hour;
    }

    static string Find(string path, string text) {
        try {
            var data = Encoding.GetEncoding("iso-8859-1").GetString(File.ReadAllBytes(path));
            return data.Contains(text) ? "yes" : "no";
        } catch (Exception error) {
            if (error is IOException || error is UnauthorizedAccessException) return "unreadable";
            throw;
        }
    }

    static string Touch(string path) {
        try {
            File.WriteAllText(path, "x");
            return "yes";
        } catch (Exception error) {
            if (error is IOException || error is UnauthorizedAccessException) return "no";
            throw;
        }
    }

    static void Eat(int megabytes) {
        var block = new byte[1 << 20];
        for (var index = 0; index < block.Length; index++) block[index] = 120;
        // Not on the managed heap, which has a limit of its own below the container's.
        for (var number = 0; number < megabytes; number++) {
            Marshal.Copy(block, 0, Marshal.AllocHGlobal(block.Length), block.Length);
        }
        Console.WriteLine("ate " + megabytes);
    }

    public static int Main(string[] arguments) {
        var config = Texts.Variable("BOT_CONFIG");
        foreach (var line in Texts.Config(config, "steps").Split('\n')) {
            var end = line.IndexOf(' ');
            var verb = end < 0 ? line : line.Substring(0, end);
            var rest = end < 0 ? "" : line.Substring(end + 1);
            var parts = rest.Split(' ');
            switch (verb) {
                case "say": Console.WriteLine(rest); break;
                case "err": Console.Error.WriteLine(rest); break;
                case "open": Console.Write(rest); break;
                case "arguments": Console.WriteLine("arguments " + arguments.Length); break;
                case "stdin": Console.WriteLine("stdin " + Console.In.ReadToEnd().Length); break;
                case "directory": Console.WriteLine("directory " + Directory.GetCurrentDirectory()); break;
                case "environment":
                    foreach (System.Collections.DictionaryEntry each in Environment.GetEnvironmentVariables()) {
                        Console.WriteLine("environment " + each.Key + "=" + each.Value);
                    }
                    break;
                case "config": Console.WriteLine("config " + Texts.Config(config, rest)); break;
                case "hour": Console.WriteLine("hour " + parts[0] + " " + Hour(parts[0], long.Parse(parts[1]))); break;
                case "find":
                    var text = string.Concat(new List<string>(parts).GetRange(1, parts.Length - 1));
                    Console.WriteLine("find " + parts[0] + " " + Find(parts[0], text));
                    break;
                case "touch": Console.WriteLine("touch " + rest + " " + Touch(rest)); break;
                case "result": File.WriteAllText("/" + Texts.Variable("CODE_MOUNT_DIR") + "/result.json", rest); break;
                case "put": Texts.Put(parts[0], rest.Substring(parts[0].Length + 1)); break;
                case "get": Console.WriteLine("get " + rest + " " + (Texts.Read(Texts.State(rest)) ?? "absent")); break;
                case "flood":
                    var dots = new string('.', 87);
                    for (var number = 0; number < int.Parse(rest); number++) {
                        Console.WriteLine("flood " + number.ToString("D6") + " " + dots);
                    }
                    break;
                case "eat": Eat(int.Parse(rest)); break;
                case "culture": Console.WriteLine("culture " + 1234.5.ToString("N1", new CultureInfo(rest))); break;
                case "exit": return int.Parse(rest);
                case "throw": throw new InvalidOperationException(rest);
                case "trap":
                    last = rest;
                    OnSigterm("Stop");
                    break;
                case "ignore": OnSigterm("Ignore"); break;
                case "wait":
                    while (!stopped) Thread.Sleep(20);
                    Texts.Put("last", last);
                    Console.WriteLine("stopped " + last);
                    break;
                default: throw new InvalidOperationException("unknown step " + verb);
            }
        }
        return 0;
    }
}
