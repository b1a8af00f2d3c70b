"""For ``gcc13``: the compiled program is what is deployed."""

from __future__ import annotations

REALTIME = """\
// Runs until it is told to stop. Its configuration is JSON in BOT_CONFIG.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

volatile std::sig_atomic_t stopping = 0;

int main() {
    std::signal(SIGTERM, [](int) { stopping = 1; });
    const std::string path = std::string(std::getenv("STATE_DIR")) + "/count";
    long count = 0;
    std::ifstream(path) >> count;
    while (!stopping) {
        count += 1;
        std::ofstream(path) << count << '\\n';
        std::cout << std::getenv("BOT_ID") << " counts " << count << std::endl;
        std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    return 0;
}
"""
SCHEDULED = """\
// Runs at each instant of the schedule. Its configuration is JSON in BOT_CONFIG.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

int main() {
    const std::string path = std::string(std::getenv("STATE_DIR")) + "/count";
    long count = 0;
    std::ifstream(path) >> count;
    count += 1;
    std::ofstream(path) << count << '\\n';
    std::cout << std::getenv("BOT_ID") << " ran " << count << " times" << std::endl;
    return 0;
}
"""
MAKEFILE = """\
bin/bot: main.cpp
\tmkdir -p bin
\t$(CXX) -std=c++17 -O2 -o $@ $<
"""
BUILD = {"Makefile": MAKEFILE, ".durabotignore": "Makefile\nmain.cpp\n"}
FILES = {"realtime": {"main.cpp": REALTIME, **BUILD}, "scheduled": {"main.cpp": SCHEDULED, **BUILD}}
