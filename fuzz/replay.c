/* Feeds every file of the folders named on the command line to a fuzz target, without libFuzzer: as it is, cut short at
 * every length, and with single bytes changed. Each input is an allocation of its own, so that a sanitizer sees one byte
 * too many. The changes are the same in every run. TAP. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 20, CUTS = 256, CHANGES = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static size_t runs;

static void
feed(const uint8_t *p, size_t n)
{
	uint8_t *own = malloc(n ? n : 1);
	if (!own) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	memcpy(own, p, n);
	LLVMFuzzerTestOneInput(own, n);
	free(own);
	runs++;
}

static uint32_t
roll(uint64_t *seed, uint32_t n)
{
	*seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
	return (uint32_t)(*seed >> 33) % n;
}

static void
feed_variants(uint8_t *p, size_t n)
{
	uint64_t seed = 0x9e3779b97f4a7c15 ^ n;
	feed(p, n);
	for (size_t i = 0; i < n && i < CUTS; i++)
		feed(p, n <= CUTS ? i : roll(&seed, (uint32_t)n));
	for (size_t i = 0; n && i < CHANGES; i++) {
		size_t at = roll(&seed, (uint32_t)n);
		uint8_t was = p[at];
		p[at] = (uint8_t)(i % 2 ? p[at] ^ 1u << roll(&seed, 8) : p[roll(&seed, (uint32_t)n)]);
		feed(p, n);
		p[at] = was;
	}
}

/* The number of files, or -1. */
static int
replay_folder(const char *path)
{
	struct dirent **names;
	static uint8_t data[MAX_FILE];
	int count = scandir(path, &names, NULL, alphasort), files = 0;
	if (count < 0) {
		perror(path);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char file[4096];
		snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
		FILE *f = names[i]->d_name[0] == '.' ? NULL : fopen(file, "rb");
		free(names[i]);
		if (!f)
			continue;
		size_t n = fread(data, 1, sizeof data, f);
		fclose(f);
		feed_variants(data, n);
		files++;
	}
	free(names);
	return files;
}

int
main(int argc, char **argv)
{
	int bad = 0;
	feed((const uint8_t *)"", 0);
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		int files = replay_folder(argv[i]);
		printf("%sok %d - %d files, %zu inputs\n", files > 0 ? "" : "not ", i, files, runs);
		bad += files <= 0;
	}
	return bad ? 1 : 0;
}
