"""The rehearsal behind `make demo`: shoppers, stand-in shops, a witness of the public topics and an oracle."""
