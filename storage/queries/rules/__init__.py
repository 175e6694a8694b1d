"""Read models for rules that chats wrote: what one would have said, and where each stands."""
