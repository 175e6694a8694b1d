"""The one border that every figure passes on its way into the store: bounds, leaps, changes of unit, and the words."""
