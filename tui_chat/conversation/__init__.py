"""Messages as data, and the reducer that folds wire events into them."""
