"""HTTP of the service: dependencies of routes, paging, content negotiation, middleware, logging."""
