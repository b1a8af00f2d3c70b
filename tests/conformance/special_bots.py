"""Bots for what only one language has: each prints ``say special``'s word by its own way."""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.bot_programs import BotProgram, Files

VENDOR: Files = {
    "main.py": "import dependency\ndef main(bot_id, config):\n    print(dependency.word())\n",
    "vendor/dependency/__init__.py": "from . import deeper\ndef word():\n    return deeper.WORD\n",
    "vendor/dependency/deeper.py": "WORD = 'special'\n",
}
ASYNC: Files = {
    "main.py": "import asyncio\nasync def main(*_):\n    await asyncio.sleep(0)\n    print('special')\n",
}
NODE_MODULES: Files = {
    "main.js": 'exports.main = () => console.log(require("dependency").word);\n',
    "node_modules/dependency/package.json": '{"name": "dependency", "main": "lib/word.js"}',
    "node_modules/dependency/lib/word.js": 'exports.word = "special";\n',
}
ES_MODULE: Files = {
    "main.mjs": 'import { word } from "dependency";\nexport const main = async () => console.log(word);\n',
    "node_modules/dependency/package.json": '{"name": "dependency", "type": "module", "main": "./word.js"}',
    "node_modules/dependency/word.js": 'export const word = "special";\n',
}
# Which files, and the entrypoint among them.
SpecialBot = Callable[[BotProgram], tuple[Files, str]]
SPECIAL: dict[str, SpecialBot] = {
    "vendor": lambda program: (VENDOR, "main.py"),
    "async": lambda program: (ASYNC, "main.py"),
    "node_modules": lambda program: (NODE_MODULES, "main.js"),
    "es_module": lambda program: (ES_MODULE, "main.mjs"),
    "jar_main": lambda program: (program.make(), "bot.jar:conformance.Bot"),
}
