"""Reviews: what customers think of products, once each, and the ratings that follow from it."""
