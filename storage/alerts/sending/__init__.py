"""How sending goes: who may send, what rests, is held, refused, counted, or not sent any more."""
