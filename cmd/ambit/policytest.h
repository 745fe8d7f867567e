/* policytest: are the tests that lie beside policies green? For what would put the policies in force. */
#ifndef AMBIT_CMD_POLICYTEST_H
#define AMBIT_CMD_POLICYTEST_H

#include "cli.h"

/* Runs the tests of the paths, where there are any. False with *why (in c->arena) when one fails or they cannot run. */
bool policy_tests_pass(struct cli *c, char **paths, size_t n, const char **why);

#endif
