"""What is told is proved: odds that go with it, and a record that is frozen and judged in its time."""
