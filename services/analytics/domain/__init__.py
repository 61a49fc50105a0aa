"""Pure rules of analytics: facts, their aggregation into counters, periods and reports."""
