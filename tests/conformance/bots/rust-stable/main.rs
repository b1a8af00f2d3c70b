// Does what the lines of its configuration's "steps" say, or, named "query", answers queries; see steps.md.
use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::raw::{c_char, c_int, c_long};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const SIGTERM: c_int = 15;
static STOPPED: AtomicBool = AtomicBool::new(false);

#[repr(C)]
struct Time {
    sec: c_int,
    min: c_int,
    hour: c_int,
    mday: c_int,
    mon: c_int,
    year: c_int,
    wday: c_int,
    yday: c_int,
    isdst: c_int,
    gmtoff: c_long,
    zone: *const c_char,
}

extern "C" {
    fn signal(number: c_int, handler: usize) -> usize;
    fn tzset();
    fn localtime_r(instant: *const c_long, found: *mut Time) -> *mut Time;
}

extern "C" fn stop(_: c_int) {
    STOPPED.store(true, Ordering::SeqCst);
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// A text of a flat JSON object.
fn config_text(json: &str, name: &str) -> String {
    let key = format!("\"{name}\":\"");
    let start = json.find(&key).expect("a text of the configuration") + key.len();
    let mut units: Vec<u16> = Vec::new();
    let mut rest = json[start..].chars();
    loop {
        match rest.next().expect("the end of a text") {
            '"' => return String::from_utf16(&units).unwrap(),
            '\\' => match rest.next().unwrap() {
                'n' => units.push('\n' as u16),
                't' => units.push('\t' as u16),
                'u' => {
                    let code: String = rest.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&code, 16).unwrap());
                }
                other => units.push(other as u16),
            },
            other => units.push(other as u16),
        }
    }
}

fn state(name: &str) -> PathBuf {
    PathBuf::from(variable("STATE_DIR").unwrap()).join(name)
}

fn put(name: &str, text: &str) {
    fs::create_dir_all(state(name).parent().unwrap()).unwrap();
    fs::write(state(name), text).unwrap();
}

fn hour(zone: &str, instant: c_long) -> c_int {
    if zone != "local" {
        env::set_var("TZ", zone);
    }
    unsafe {
        tzset();
        let mut found: Time = std::mem::zeroed();
        localtime_r(&instant, &mut found);
        env::remove_var("TZ");
        found.hour
    }
}

fn run() -> i32 {
    let config = variable("BOT_CONFIG").unwrap();
    let mut last = String::new();
    for line in config_text(&config, "steps").split('\n') {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let parts: Vec<&str> = rest.split(' ').collect();
        match verb {
            "say" => println!("{rest}"),
            "err" => eprintln!("{rest}"),
            "open" => {
                print!("{rest}");
                io::stdout().flush().unwrap();
            }
            "arguments" => println!("arguments {}", env::args().count() - 1),
            "stdin" => {
                let mut found = Vec::new();
                io::stdin().read_to_end(&mut found).unwrap();
                println!("stdin {}", found.len());
            }
            "directory" => println!("directory {}", env::current_dir().unwrap().display()),
            "environment" => {
                for (name, value) in env::vars() {
                    println!("environment {name}={value}");
                }
            }
            "config" => println!("config {}", config_text(&config, rest)),
            "hour" => println!("hour {} {}", parts[0], hour(parts[0], parts[1].parse().unwrap())),
            "find" => {
                let text = parts[1..].concat();
                let found = match fs::read(parts[0]) {
                    Ok(data) if data.windows(text.len()).any(|part| part == text.as_bytes()) => "yes",
                    Ok(_) => "no",
                    Err(_) => "unreadable",
                };
                println!("find {} {found}", parts[0]);
            }
            "touch" => println!("touch {rest} {}", if fs::write(rest, "x").is_ok() { "yes" } else { "no" }),
            "result" => {
                fs::write(format!("/{}/result.json", variable("CODE_MOUNT_DIR").unwrap()), rest).unwrap()
            }
            "put" => put(parts[0], &rest[parts[0].len() + 1..]),
            "get" => println!("get {rest} {}", fs::read_to_string(state(rest)).unwrap_or("absent".into())),
            "flood" => {
                let dots = ".".repeat(87);
                for number in 0..rest.parse().unwrap() {
                    println!("flood {number:06} {dots}");
                }
            }
            "eat" => {
                let kept: Vec<Vec<u8>> = (0..rest.parse().unwrap()).map(|_| vec![b'x'; 1 << 20]).collect();
                println!("ate {}", kept.len());
            }
            "exit" => return rest.parse().unwrap(),
            "throw" => panic!("{rest}"),
            "trap" => {
                last = rest.to_string();
                unsafe { signal(SIGTERM, stop as extern "C" fn(c_int) as usize) };
            }
            "ignore" => {
                // SIG_IGN
                unsafe { signal(SIGTERM, 1) };
            }
            "wait" => {
                while !STOPPED.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(20));
                }
                put("last", &last);
                println!("stopped {last}");
            }
            other => panic!("unknown step {other}"),
        }
    }
    0
}

fn json_text(text: Option<String>) -> String {
    match text {
        None => "null".to_string(),
        Some(found) => format!("\"{}\"", found.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// The parameters are JSON already.
fn answer(path: &str, params: &str) -> String {
    let mark = fs::read_to_string(state("mark")).ok();
    if path == "/error" {
        let reason = format!("no {} here", mark.as_deref().unwrap_or("null"));
        return format!(r#"{{"status": "error", "error": {}}}"#, json_text(Some(reason)));
    }
    if path == "/throw" {
        panic!("kaboom");
    }
    if path == "/big" {
        return format!(r#"{{"status": "ok", "data": "{}"}}"#, "x".repeat(400_000));
    }
    if path == "/write" {
        put("mark", "written by a query");
    }
    format!(
        r#"{{"status": "ok", "data": {{"mark": {}, "params": {params}, "path": {}, "number": {}, "text": {}}}}}"#,
        json_text(mark),
        json_text(variable("QUERY_PATH")),
        json_text(variable("QUERY_PARAM_number")),
        json_text(variable("QUERY_PARAM_text")),
    )
}

fn serve_one(mut connection: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    let mut block = [0; 4096];
    let (head, body) = loop {
        let size = connection.read(&mut block)?;
        if size == 0 {
            return Ok(());
        }
        request.extend_from_slice(&block[..size]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                break (head.to_string(), body.to_string());
            }
        }
    };
    let target = head.split(' ').nth(1).unwrap_or("/");
    let found = answer(target.split('?').next().unwrap(), &body);
    let length = found.len();
    write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{found}")
}

fn query() -> i32 {
    match variable("QUERY_PATH") {
        Some(path) => query_once(&path),
        None => serve(),
    }
}

fn serve() -> i32 {
    let port: u16 = variable("THE0_QUERY_PORT").map_or(9476, |text| text.parse().unwrap());
    for connection in TcpListener::bind(("0.0.0.0", port)).unwrap().incoming() {
        if let Err(error) = connection.and_then(serve_one) {
            eprintln!("a connection broke: {error}");
        }
    }
    1
}

fn query_once(path: &str) -> i32 {
    let found = answer(path, &variable("QUERY_PARAMS").unwrap());
    if path == "/print" {
        println!("not the answer\n{found}");
    } else {
        fs::write("/query/result.json", found).unwrap();
    }
    i32::from(path == "/error")
}

fn main() {
    let named = env::args().next().unwrap();
    std::process::exit(if named.ends_with("/query") { query() } else { run() });
}
