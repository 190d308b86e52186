# `make` alone prints the menu: every target with a line of help behind its name.

BIN         := bin/flagmeter
# Of make torture; SEED=0 picks one at random and prints it.
DURATION := 3m
SEED     := 0
# Of make bench-compare; an empty BENCH means the hot paths.
BASE  := HEAD~1
BENCH :=
# Of make load, which also takes URL, RATE, DURATION, TENANT and API_KEY.
SCRIPT := load.js
# Of make sizing: requests a second x tenants.
POINTS := 10x10,10x1000,10x10000,100x10,100x1000,100x10000,1000x10,1000x1000,1000x10000

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
CYCLONEDX   := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
GO_LICENSES := github.com/google/go-licenses@v1.6.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
# Of make dist.
PLATFORMS := linux/amd64 linux/arm64 darwin/arm64

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

.DEFAULT_GOAL := help
.PHONY: help build run test torture bench bench-compare load sizing cover lint fmt deps clean dev dev-down migration migrate db-studio pin secrets dist man sbom licences vuln

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/flagmeter, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) .

run: ## install what is missing, build, and serve the dashboard with demo traffic
	@sh internal/stack/install.sh run
	@$(MAKE) --no-print-directory build
	@exec $(BIN) dev --demo

test: deps ## install what is missing and run every test, with the race detector
	go test -race -timeout 60m ./...
	go test -race -tags failpoint ./internal/failpoint

torture: deps ## inject faults under load for DURATION (3m), in the order of SEED, check every event, and fuzz HTTP for 1m
	go test ./test/torture -run TestTorture -count=1 -v -timeout 2h -args -duration $(DURATION) -seed $(SEED)
	go test ./test/hostile -run TestFuzz -count=1 -v -args -for 1m -seed $(SEED)

bench: deps build ## measure against what people would build instead, into bench/latest.md
	go run ./bench -flagmeter $(BIN) -out bench/latest.md

bench-compare: deps ## compare the Go benchmarks with those of revision BASE (HEAD~1), those matching BENCH
	sh bench/compare.sh $(BASE) '$(BENCH)'

# Without URL, against stores and processes of its own; what is set here reaches k6 as it is.
ifdef URL
load: ## run k6/SCRIPT (load.js) at RATE for DURATION against URL, or against a private stack
	sh k6/run.sh run k6/$(SCRIPT)
else
load: deps build
	go run ./bench -flagmeter $(BIN) -k6 k6/$(SCRIPT)
endif

sizing: deps build ## measure CPU, memory and bytes at POINTS, into docs/SIZING.md
	go run ./bench -flagmeter $(BIN) -sizing $(POINTS)

cover: deps ## measure test coverage into coverage/, as a profile and as HTML
	@mkdir -p coverage
	go test -timeout 60m -coverpkg=./... -coverprofile=coverage/profile.txt ./...
	@go tool cover -html=coverage/profile.txt -o coverage/index.html
	@go tool cover -func=coverage/profile.txt | tail -n 1

dist: sbom man ## make a release in dist/: programs for PLATFORMS, manual pages, SBOM, checksums
	@for p in $(PLATFORMS); do echo "dist/flagmeter-$${p%/*}-$${p#*/}"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build -trimpath -ldflags '$(LDFLAGS)' -o dist/flagmeter-$${p%/*}-$${p#*/} . || exit 1; done
	@cp LICENSE CHANGELOG.md docs/LICENCES.md dist/
	@cd dist && rm -f SHA256SUMS && find . -type f ! -name SHA256SUMS | sort | xargs sha256sum > SHA256SUMS

man: ## write manual pages into dist/man1
	go run -ldflags '$(LDFLAGS)' . man dist/man1

sbom: build ## list all that the program is made of in dist/sbom.cdx.json (CycloneDX)
	@mkdir -p dist
	go run $(CYCLONEDX) bin -json -licenses -noserial -version $(VERSION) -output dist/sbom.cdx.json $(BIN)

licences: ## renew docs/LICENCES.md, the licences of all that the program is made of
	sh docs/licences.sh $(GO_LICENSES) > docs/LICENCES.md.new && mv docs/LICENCES.md.new docs/LICENCES.md

vuln: ## look for known vulnerabilities in what is called; needs the internet (vuln.go.dev)
	go run $(GOVULNCHECK) ./...

lint: export CGO_ENABLED := 0
lint: export GOFLAGS = $(shell go env GOFLAGS) -trimpath
lint: ## check the format, go vet and staticcheck
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "not formatted (make fmt): $$unformatted"; exit 1; }
	go vet ./...
	go vet -tags failpoint ./internal/failpoint
	go run $(STATICCHECK) ./...

fmt: ## format all Go files
	gofmt -w .

deps: ## install Valkey, Postgres and what the tests need where they are missing
	@sh internal/stack/install.sh test

clean: ## remove what the other targets made
	rm -rf bin coverage dist

dev: ## run all in Docker, and build anew when a file changes
	docker compose -f compose.dev.yml up --build --watch

dev-down: ## stop what make dev runs, and remove its data
	docker compose -f compose.dev.yml --profile studio down -v

migration: ## make the next migration, called NAME
	@sh scripts/compose/migration.sh '$(NAME)'

migrate: build ## apply the migrations to DATABASE_URL of .env, or to the database of make dev
	@value() { sed -n "s/^$$1=//p" .env 2>/dev/null | tail -n 1 | sed "s/^[\"']//; s/[\"']\$$//"; }; \
	export MIGRATE_DATABASE_URL="$${MIGRATE_DATABASE_URL:-$$(value MIGRATE_DATABASE_URL)}"; \
	export DATABASE_URL="$${DATABASE_URL:-$$(value DATABASE_URL)}"; \
	: "$${DATABASE_URL:=postgres://flagmeter:flagmeter@127.0.0.1:5432/flagmeter?sslmode=disable}"; \
	exec $(BIN) migrate

db-studio: ## browse the tables of make dev at http://127.0.0.1:8081
	docker compose -f compose.dev.yml --profile studio up -d pgweb
	@echo 'pgweb is at http://127.0.0.1:8081'

pin: ## pin the images of the compose files and Dockerfiles by content (needs docker and their registries)
	@sh scripts/compose/pin.sh

secrets: ## make the passwords of docker-compose.yml in secrets/, once
	@sh scripts/compose/secrets.sh
