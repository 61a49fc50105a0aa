# One image for all our processes; what it runs is its command: `python -m services.chassis.runtime orders`, `python -m gateway_flask`.

FROM python:3.11-slim-bookworm AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/ultramarket
COPY requirements/base.txt /tmp/base.txt
RUN /opt/ultramarket/bin/pip install --require-hashes -r /tmp/base.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/ultramarket/bin:$PATH PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2 ULTRAMARKET_BIND_HOST=0.0.0.0
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin ultramarket \
    && install -d -o ultramarket -g ultramarket /app /var/lib/ultramarket /var/lib/ultramarket-files /var/lib/ultramarket-nginx
WORKDIR /app
COPY --from=dependencies /opt/ultramarket /opt/ultramarket
COPY schemas schemas
COPY services services
COPY gateway_flask gateway_flask
COPY kafka_bridge kafka_bridge
COPY ultramarket ultramarket
RUN python -m compileall -q /app
USER ultramarket
EXPOSE 3001-3017 3048
CMD ["python", "-m", "gateway_flask"]
