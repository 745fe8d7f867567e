# A thin face over Meson and tools/. `make run` and `make test` work in a fresh clone.
.PHONY: all build run stop test asan bench fuzz soak mutants interop lint coverage fmt setup
all: build
setup: ; @tools/setup
build: setup
	@[ -f build/build.ninja ] || meson setup build >/dev/null
	@ninja -C build
run: build ; @tools/run
stop: ; @tools/run stop
test: setup ; @tools/run-tests
asan: setup ; @tools/run-tests --asan-only
bench: build ; @meson test -C build --benchmark --verbose
fuzz: setup ; @tools/fuzz
soak: build ; @tools/run-tests --soak
mutants: setup ; @tools/mutants
coverage: setup ; @tools/coverage
interop: build ; @tools/interop
lint: build ; @meson test -C build --suite lint --print-errorlogs
fmt: ; @tools/fmt
