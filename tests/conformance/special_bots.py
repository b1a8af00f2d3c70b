"""Bots for what only one language has: each prints ``say special``'s word by its own way."""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.bot_build import Files

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
# From the files of the language's own bot: which files, and the entrypoint among them.
SpecialBot = Callable[[Files], tuple[Files, str]]
SPECIAL: dict[str, SpecialBot] = {
    "vendor": lambda files: (VENDOR, "main.py"),
    "async": lambda files: (ASYNC, "main.py"),
    "node_modules": lambda files: (NODE_MODULES, "main.js"),
    "es_module": lambda files: (ES_MODULE, "main.mjs"),
    "jar_main": lambda files: (files, "bot.jar:conformance.Bot"),
}
