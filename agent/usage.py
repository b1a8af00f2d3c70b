"""The agent's commands and flags, told only to whoever asks: PID 1 of every container need not hold this."""

USAGE = """usage: runtime COMMAND [FLAG...]

runtime execute       prepare, run the bot, save its state, end with its exit code
  --query PATH          answer this query once instead of running the bot (QUERY_PATH)
  --query-server-only   serve queries until SIGTERM, without the bot
  --skip-sync           restore and save nothing
  --skip-query-server   start no query server beside the bot

runtime daemon init   restore the state once, for a bot that others start
  --bot-id ID           whose state (BOT_ID)
  --state-path DIR      where to (STATE_PATH, /state)

runtime daemon sync   save what changed, again and again, and once more at SIGTERM
  --bot-id ID           whose state (BOT_ID)
  --state-path DIR      what is saved (STATE_PATH, /state)
  --logs-path DIR       where bot.log is (LOGS_PATH, /var/the0/logs)
  --interval 60s        how often; also 500ms, 5m, 1m30s, or seconds
  --watch-done FILE     end, after a last save, when this file appears
  --readiness-port N    answer HTTP GET on this port when the state is restored

runtime version       print the version

Flags take --flag VALUE or --flag=VALUE and win over the environment, which is that of the bot
contract: BOT_ID, RUNTIME, ENTRYPOINT and, for the object store, MINIO_ENDPOINT, MINIO_ACCESS_KEY and
MINIO_SECRET_KEY."""
