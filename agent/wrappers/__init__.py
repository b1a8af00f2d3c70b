"""Programs that call a bot's ``main``; they run in the bot's process, with the bot's interpreter."""
