"""An agent for tests of the container port alone: it ends as its environment says."""

SOURCE = """
import json, os, signal, sys, time
path = os.environ.get("DURABOT_ENV_FILE")
values = dict(item.split("=", 1) for item in open(path, encoding="utf-8").read().split("\\0") if item)
os.unlink(path)
logs = values.get("LOGS_PATH", "/var/the0/logs")
os.makedirs(logs, exist_ok=True)
def note(text):
    with open(logs + "/bot.log", "a") as log:
        log.write(text + "\\n")
def show(name, value):
    with open(values[name] + ".new", "w") as file:
        json.dump(value, file)
    os.rename(values[name] + ".new", values[name])
def end(code, cause):
    if values.get("FAKE_REPORT", "1") == "1":
        text = values.get("FAKE_TEXT", "")
        show("DURABOT_EXIT_REPORT", {"exit_code": code, "cause": cause, "message": text})
    sys.exit(code)
def term(number, frame):
    note("term")
    if values.get("FAKE_IGNORE_TERM") != "1":
        end(143, "signal")
signal.signal(signal.SIGTERM, term)
signal.signal(signal.SIGINT, term)
show("DURABOT_STATUS_FILE", {"phase": "running", "message": "", "pid": os.getpid()})
state = values.get("STATE_PATH", "/state")
with open(state + "/starts", "a") as file:
    file.write("x")
note("started " + open(state + "/starts").read())
note("environ " + ",".join(sorted(os.environ)))
note("given " + json.dumps({k: v for k, v in values.items() if k.startswith("GIVEN")}))
if values.get("FAKE_SERVE") == "1":
    import socket
    server = socket.create_server(("", int(values["THE0_QUERY_PORT"])))
    note("served")
if values.get("FAKE_CHILD") == "1":
    import subprocess
    code = "import sys, time; print('child', flush=True); time.sleep(600)"
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env={"STATE_DIR": state + "/.the0-state"},
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    child.stdout.readline()
    note("child %d" % child.pid)
if values.get("FAKE_PROOF") == "1":
    told = dict(line.split(":", 1) for line in open("/proc/self/status"))
    wanted = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs")
    writable = set()
    for top, below, _ in os.walk("/"):
        if top == "/":
            below[:] = [name for name in below if name not in ("proc", "sys", "dev")]
        if os.access(top, os.W_OK):
            writable.add(top)
            below.clear()
    note("proof " + json.dumps({
        "uid": [os.getuid(), os.getgid()],
        "status": {name: told[name].strip() for name in wanted},
        "writable": sorted(writable),
    }))
if values.get("FAKE_EAT") == "1":
    eaten = []
    while True:
        eaten.append(b"x" * (4 << 20))
if values.get("FAKE_KILL"):
    os.kill(os.getpid(), int(values["FAKE_KILL"]))
deadline = time.monotonic() + float(values.get("FAKE_SLEEP", "0"))
while time.monotonic() < deadline:
    if values.get("FAKE_SPIN") != "1":
        time.sleep(0.01)
end(int(values.get("FAKE_EXIT", "0")), "exited")
"""
