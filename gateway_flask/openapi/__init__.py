"""Route declarations and the OpenAPI document made from them."""
