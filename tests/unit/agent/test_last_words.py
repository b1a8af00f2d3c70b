"""The reason in what each language's runtime writes when an exception ends a program."""

from __future__ import annotations

import pytest

from agent.last_words import last_words

PYTHON = """
Traceback (most recent call last):
  File "/bot/query.py", line 46, in <module>
    main()
RuntimeError: kaboom
"""
NODE = """
/bot/query.js:10
  if (path === "/throw") throw new Error("kaboom");
                         ^

Error: kaboom
    at answer (/bot/query.js:10:32)
    at Object.<anonymous> (/bot/query.js:33:17)

Node.js v20.19.2
"""
RUST = """
thread 'main' (7) panicked at main.rs:204:9:
kaboom
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
"""
CPP = """
terminate called after throwing an instance of 'std::runtime_error'
  what():  kaboom
"""
DOTNET = """
Unhandled exception. System.InvalidOperationException: kaboom
   at Query.Answer(String path, String parameters)
   at Query.Main()
"""
SCALA = """
Exception in thread "main" java.lang.RuntimeException: kaboom
\tat conformance.Query$.answer(Query.scala:19)
\tat conformance.Query.main(Query.scala)
"""
CAUSED = """
Exception in thread "main" java.lang.RuntimeException: it failed
\tat conformance.Query$.answer(Query.scala:19)
Caused by: java.io.IOException: kaboom
\tat conformance.Query$.answer(Query.scala:18)
\t... 3 more
"""
HASKELL = """
query: kaboom
CallStack (from HasCallStack):
  error, called at Main.hs:196:17 in main:Main
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ""),
        ("\n \n", ""),
        ("cannot read /bot/rates: no such file\n", "cannot read /bot/rates: no such file"),
        ("   at nowhere\n   at all\n", "at all"),
        (PYTHON, "RuntimeError: kaboom"),
        (NODE, "Error: kaboom"),
        (RUST, "kaboom"),
        (CPP, "what():  kaboom"),
        (DOTNET, "Unhandled exception. System.InvalidOperationException: kaboom"),
        (SCALA, 'Exception in thread "main" java.lang.RuntimeException: kaboom'),
        (CAUSED, "Caused by: java.io.IOException: kaboom"),
        (HASKELL, "query: kaboom"),
    ],
)
def test_the_reason_is_found(text: str, reason: str) -> None:
    assert last_words(text) == reason
