"""Everything that stands in for the outside world on one machine: the local runner, the fake channels, the demo."""
