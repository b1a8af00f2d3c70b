// Does what the lines of its configuration's "steps" say, or, named "query", answers queries; see steps.md.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

extern char** environ;
namespace fs = std::filesystem;
using Text = std::optional<std::string>;

static volatile std::sig_atomic_t stopped = 0;

static Text variable(const std::string& name) {
    const char* found = std::getenv(name.c_str());
    return found ? Text(found) : std::nullopt;
}

static void append_utf8(std::string& out, unsigned code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xC0 | code >> 6);
        out += static_cast<char>(0x80 | (code & 63));
    } else if (code < 0x10000) {
        out += static_cast<char>(0xE0 | code >> 12);
        out += static_cast<char>(0x80 | (code >> 6 & 63));
        out += static_cast<char>(0x80 | (code & 63));
    } else {
        out += static_cast<char>(0xF0 | code >> 18);
        out += static_cast<char>(0x80 | (code >> 12 & 63));
        out += static_cast<char>(0x80 | (code >> 6 & 63));
        out += static_cast<char>(0x80 | (code & 63));
    }
}

// A text of a flat JSON object.
static std::string config_text(const std::string& json, const std::string& name) {
    const std::string key = "\"" + name + "\":\"";
    size_t at = json.find(key);
    if (at == std::string::npos) throw std::runtime_error("no " + name + " in the configuration");
    std::string out;
    for (at += key.size(); json[at] != '"'; at++) {
        if (json[at] != '\\') {
            out += json[at];
            continue;
        }
        const char kind = json[++at];
        if (kind != 'u') {
            out += kind == 'n' ? '\n' : kind == 't' ? '\t' : kind;
            continue;
        }
        unsigned code = std::stoul(json.substr(at + 1, 4), nullptr, 16);
        at += 4;
        if (code >= 0xD800 && code < 0xDC00) {
            code = 0x10000 + ((code - 0xD800) << 10) + std::stoul(json.substr(at + 3, 4), nullptr, 16) - 0xDC00;
            at += 6;
        }
        append_utf8(out, code);
    }
    return out;
}

static Text read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), {});
}

static bool write_file(const fs::path& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    return bool(file);
}

static fs::path state(const std::string& name) { return fs::path(*variable("STATE_DIR")) / name; }

static void say(const std::string& text) { std::cout << text << std::endl; }

static void put(const std::string& name, const std::string& text) {
    fs::create_directories(state(name).parent_path());
    write_file(state(name), text);
}

static std::vector<std::string> words(const std::string& text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
}

static int hour(const std::string& zone, time_t instant) {
    if (zone != "local") setenv("TZ", zone.c_str(), 1);
    tzset();
    std::tm found{};
    localtime_r(&instant, &found);
    unsetenv("TZ");
    return found.tm_hour;
}

static int run(int arguments) {
    const std::string config = *variable("BOT_CONFIG");
    std::istringstream steps(config_text(config, "steps"));
    std::string last;
    for (std::string line; std::getline(steps, line);) {
        const std::string verb = line.substr(0, line.find(' '));
        const std::string rest = verb.size() < line.size() ? line.substr(verb.size() + 1) : "";
        const std::vector<std::string> parts = words(rest);
        if (verb == "say") {
            say(rest);
        } else if (verb == "err") {
            std::cerr << rest << std::endl;
        } else if (verb == "open") {
            std::cout << rest << std::flush;
        } else if (verb == "arguments") {
            say("arguments " + std::to_string(arguments - 1));
        } else if (verb == "stdin") {
            const std::string found(std::istreambuf_iterator<char>(std::cin), {});
            say("stdin " + std::to_string(found.size()));
        } else if (verb == "directory") {
            say("directory " + fs::current_path().string());
        } else if (verb == "environment") {
            for (char** each = environ; *each; each++) say(std::string("environment ") + *each);
        } else if (verb == "config") {
            say("config " + config_text(config, rest));
        } else if (verb == "hour") {
            say("hour " + parts[0] + " " + std::to_string(hour(parts[0], std::stol(parts[1]))));
        } else if (verb == "find") {
            std::string text;
            for (size_t i = 1; i < parts.size(); i++) text += parts[i];
            const Text data = read_file(parts[0]);
            say("find " + parts[0] + (!data ? " unreadable" : data->find(text) != std::string::npos ? " yes" : " no"));
        } else if (verb == "touch") {
            say("touch " + rest + (write_file(rest, "x") ? " yes" : " no"));
        } else if (verb == "result") {
            write_file("/" + *variable("CODE_MOUNT_DIR") + "/result.json", rest);
        } else if (verb == "put") {
            put(parts[0], rest.substr(parts[0].size() + 1));
        } else if (verb == "get") {
            say("get " + rest + " " + read_file(state(rest)).value_or("absent"));
        } else if (verb == "flood") {
            const std::string dots(87, '.');
            for (int number = 0; number < std::stoi(rest); number++) {
                std::printf("flood %06d %s\n", number, dots.c_str());
            }
        } else if (verb == "eat") {
            std::vector<std::unique_ptr<char[]>> kept;
            for (int number = 0; number < std::stoi(rest); number++) {
                kept.emplace_back(new char[1 << 20]);
                std::memset(kept.back().get(), 'x', 1 << 20);
            }
            say("ate " + std::to_string(kept.size()));
        } else if (verb == "exit") {
            return std::stoi(rest);
        } else if (verb == "throw") {
            throw std::runtime_error(rest);
        } else if (verb == "trap") {
            last = rest;
            std::signal(SIGTERM, [](int) { stopped = 1; });
        } else if (verb == "ignore") {
            std::signal(SIGTERM, SIG_IGN);
        } else if (verb == "wait") {
            while (!stopped) usleep(20000);
            put("last", last);
            say("stopped " + last);
        } else {
            throw std::runtime_error("unknown step " + verb);
        }
    }
    return 0;
}

static std::string json_text(const Text& text) {
    if (!text) return "null";
    std::string out = "\"";
    for (const char letter : *text) {
        if (letter == '"' || letter == '\\') out += '\\';
        out += letter;
    }
    return out + "\"";
}

// The parameters are JSON already.
static std::string answer(const std::string& path, const std::string& params) {
    const Text mark = read_file(state("mark"));
    if (path == "/error") {
        return R"({"status": "error", "error": )" + json_text("no " + mark.value_or("null") + " here") + "}";
    }
    if (path == "/throw") throw std::runtime_error("kaboom");
    if (path == "/big") return R"({"status": "ok", "data": ")" + std::string(400000, 'x') + "\"}";
    if (path == "/write") put("mark", "written by a query");
    return R"({"status": "ok", "data": {"mark": )" + json_text(mark) + R"(, "params": )" + params + R"(, "path": )" +
           json_text(variable("QUERY_PATH")) + R"(, "number": )" + json_text(variable("QUERY_PARAM_number")) +
           R"(, "text": )" + json_text(variable("QUERY_PARAM_text")) + "}}";
}

static void serve_one(int connection) {
    std::string request;
    size_t length = std::string::npos;
    char block[4096];
    while (request.size() < length) {
        const ssize_t size = read(connection, block, sizeof block);
        if (size <= 0) return;
        request.append(block, size);
        const size_t head = request.find("\r\n\r\n");
        if (length == std::string::npos && head != std::string::npos) {
            const size_t at = request.find("Content-Length: ");
            length = head + 4 + std::stoul(request.substr(at + 16));
        }
    }
    const std::string target = words(request)[1];
    const std::string body = answer(target.substr(0, target.find('?')), request.substr(request.find("\r\n\r\n") + 4));
    const std::string all =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
    for (size_t sent = 0; sent < all.size();) {
        const ssize_t size = write(connection, all.data() + sent, all.size() - sent);
        if (size <= 0) return;
        sent += size;
    }
}

static int serve() {
    const int listening = socket(AF_INET, SOCK_STREAM, 0);
    const int yes = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(std::stoi(variable("THE0_QUERY_PORT").value_or("9476")));
    if (bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) || listen(listening, 16)) return 1;
    while (true) {
        const int connection = accept(listening, nullptr, nullptr);
        if (connection < 0) return 1;
        serve_one(connection);
        close(connection);
    }
}

static int query() {
    const Text path = variable("QUERY_PATH");
    if (!path) return serve();
    const std::string found = answer(*path, *variable("QUERY_PARAMS"));
    if (*path == "/print") {
        say("not the answer\n" + found);
    } else {
        write_file("/query/result.json", found);
    }
    return *path == "/error" ? 1 : 0;
}

int main(int arguments, char** values) {
    return fs::path(values[0]).filename() == "query" ? query() : run(arguments);
}
