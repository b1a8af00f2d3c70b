"""The HTTP gateway: queries and health, exactly as the contract's second section has them."""
