"""What decides: workflows and the pure functions behind them."""
