"""The processor: one rule that decides every order line and every adjustment, and the Faust shell around it."""
