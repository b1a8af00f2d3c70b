"""Bots as hardened containers of one local Docker engine. Nothing else imports the ``docker`` package."""
