# FlagMeter's images, a stage for each role: `docker build --target flusher .`; without a target
# it is ingest. The runtime has one static binary, CA certificates and nothing else.
# Base images are named by tag; `make pin` pins them by content, as image:tag@sha256:…
FROM golang:1.26-alpine AS build
RUN apk add --no-cache ca-certificates
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG COMMIT=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /flagmeter .

FROM scratch AS runtime
ARG VERSION=dev
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="FlagMeter" \
      org.opencontainers.image.description="Meters AI token usage for SaaS platforms" \
      org.opencontainers.image.source="https://github.com/eduardosanzb/flagmeter" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /flagmeter /flagmeter
USER 65532:65532
ENTRYPOINT ["/flagmeter"]

FROM runtime AS flusher
EXPOSE 9101
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/flagmeter", "healthcheck", "flusher"]
CMD ["flusher"]

FROM runtime AS alerter
EXPOSE 9102
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/flagmeter", "healthcheck", "alerter"]
CMD ["alerter"]

# Ends by itself, so it has no health.
FROM runtime AS migrate
CMD ["migrate"]

# pg_dump and pg_restore must not be older than the server.
FROM postgres:18-alpine AS backup
RUN install -d -o 70 -g 70 /backups
COPY --from=build /flagmeter /flagmeter
USER 70:70
EXPOSE 9103
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 CMD ["/flagmeter", "healthcheck", "backup"]
ENTRYPOINT ["/flagmeter"]
CMD ["backup"]

FROM runtime AS ingest
EXPOSE 3000
HEALTHCHECK --interval=2s --timeout=2s --start-period=10s --retries=3 CMD ["/flagmeter", "healthcheck"]
CMD ["ingest"]
