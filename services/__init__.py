"""The Nameko services of UltraMarket, one package each, on a common chassis."""
