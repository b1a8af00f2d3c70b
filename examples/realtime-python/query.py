"""Answers while the bot runs, and from its saved state when it does not."""

from the0 import query, state


@query.handler("/price")
def price(request):
    currency = request.get("currency", "USD")
    return {"price": state.get("price"), "ticks": state.get("ticks", 0), "currency": currency}


@query.handler("/last-words")
def last_words(request):
    return {"text": state.get("last_words")}


query.run()
