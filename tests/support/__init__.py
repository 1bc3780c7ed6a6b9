"""What the tests share: leak checks, planted secrets, a terminal, the README's code."""
