/* world: the resources that tests of core start with. */
#ifndef AMBIT_TESTS_SIM_WORLD_H
#define AMBIT_TESTS_SIM_WORLD_H

#define WORLD_POLICY \
	"permit(principal, action, resource);" \
	"@id(\\\"no-secrets-out\\\") @reason(\\\"confidential data was read\\\") forbid(principal, action in Action::\\\"effect:egress\\\", resource) " \
	"when { context.task.sensitivity >= 2 };" \
	"@id(\\\"ask-before-delete\\\") @approval(\\\"on-call:1\\\") forbid(principal, action in Action::\\\"effect:destructive\\\", resource);" \
	"@id(\\\"two-for-pay\\\") @approval(\\\"on-call:2\\\") forbid(principal, action == Action::\\\"net/pay\\\", resource);"

#define WORLD \
	"[{\"kind\":\"user\",\"name\":\"admin\",\"uids\":[0],\"roles\":[\"admin\",\"auditor\"]}," \
	"{\"kind\":\"user\",\"name\":\"dana\",\"uids\":[1000],\"groups\":[\"devs\",\"on-call\"],\"roles\":[\"approver\"]}," \
	"{\"kind\":\"user\",\"name\":\"erin\",\"uids\":[1001],\"groups\":[\"on-call\"],\"roles\":[\"approver\"]}," \
	"{\"kind\":\"user\",\"name\":\"finn\",\"uids\":[1002],\"groups\":[\"on-call\"],\"roles\":[\"approver\"]}," \
	"{\"kind\":\"user\",\"name\":\"gwen\",\"uids\":[1003],\"groups\":[\"devs\"]}," \
	"{\"kind\":\"tier\",\"name\":\"dev\",\"max_ttl_seconds\":3600,\"max_depth\":3,\"max_calls\":1000,\"calls_per_minute\":600}," \
	"{\"kind\":\"tier\",\"name\":\"fast\",\"audit\":\"buffered\"}," \
	"{\"kind\":\"agent\",\"name\":\"dev/claude\",\"owner\":\"dana\",\"tier\":\"dev\",\"team\":\"devs\",\"launch\":[\"devs\"]}," \
	"{\"kind\":\"agent\",\"name\":\"dev/bot\",\"owner\":\"erin\",\"tier\":\"dev\",\"identity\":[{\"uid\":2000,\"exe\":\"/opt/bot\"}]," \
	"\"session\":{\"tools\":[\"files/*\"],\"effects\":[\"read\"]}}," \
	"{\"kind\":\"server\",\"name\":\"files\",\"transport\":\"stdio\",\"command\":[\"files\"],\"tools\":[" \
	"{\"name\":\"read_file\",\"effect\":\"read\",\"resource\":\"Path::\\\"{path:input.path}\\\"\"}," \
	"{\"name\":\"write_file\",\"effect\":\"write\",\"resource\":\"Path::\\\"{path:input.path}\\\"\"}," \
	"{\"name\":\"delete_file\",\"effect\":\"destructive\",\"resource\":\"Path::\\\"{path:input.path}\\\"\"}]}," \
	"{\"kind\":\"server\",\"name\":\"net\",\"transport\":\"http\",\"url\":\"https://example.test/mcp\",\"tools\":[" \
	"{\"name\":\"fetch\",\"effect\":\"egress\"},{\"name\":\"pay\",\"effect\":\"write\"}]}," \
	"{\"kind\":\"label\",\"name\":\"secret\",\"resource\":\"Path::\\\"/data/secret/**\\\"\",\"sensitivity\":\"confidential\"}," \
	"{\"kind\":\"upstream\",\"name\":\"pg/staging\",\"engine\":\"postgres\",\"options\":{\"host\":\"/run/pg\"},\"root\":{\"credential\":\"pg\"}," \
	"\"templates\":[{\"name\":\"read\",\"grant\":{},\"effect\":\"read\",\"ttl_seconds\":300,\"max_ttl_seconds\":900}," \
	"{\"name\":\"admin\",\"grant\":{},\"effect\":\"destructive\"},{\"name\":\"deploy\",\"grant\":{},\"workflows\":[\"release\"]}]}," \
	"{\"kind\":\"policy\",\"name\":\"base\",\"text\":\"" WORLD_POLICY "\"}]"

#endif
