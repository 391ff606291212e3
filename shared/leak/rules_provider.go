package leak

// token is a shape that begins with its literal.
func token(literal string, least, most int, class *class) shape {
	return shape{literal: literal, min: least, max: most, class: class}
}

// codeHosts are where source code and packages live.
func codeHosts() []rule {
	return []rule{
		tokenRule("github-token", GitHubToken, Critical, "a token of GitHub",
			token("ghp_", 36, 255, alnum), token("gho_", 36, 255, alnum), token("ghu_", 36, 255, alnum),
			token("ghs_", 36, 900, newClass("a-zA-Z0-9_.-")), token("ghr_", 36, 255, alnum),
			token("github_pat_", 50, 255, word)),
		tokenRule("gitlab-token", GitLabToken, Critical, "a token of GitLab",
			token("glpat-", 20, 300, dotted), token("gldt-", 20, 100, wordDash), token("glrt-", 20, 300, dotted),
			token("glcbt-", 20, 300, dotted), token("glptt-", 40, 100, wordDash), token("glft-", 20, 100, wordDash),
			token("glsoat-", 20, 100, wordDash), token("gloas-", 40, 100, wordDash),
			token("glagent-", 40, 100, wordDash)),
		tokenRule("atlassian-token", ServiceToken, Critical, "a token of Atlassian (Bitbucket, Jira)",
			token("ATATT3", 60, 300, newClass("a-zA-Z0-9_=-")), token("ATBB", 28, 40, alnum),
			token("ATCTT3", 60, 300, newClass("a-zA-Z0-9_=-"))),
		tokenRule("npm-token", NPMToken, Critical, "a token of npm", token("npm_", 36, 36, alnum)), // SEC101/050
		tokenRule("pypi-token", PyPIToken, Critical, "a token of PyPI", token("pypi-AgE", 50, 300, wordDash)),
		tokenRule("rubygems-key", ServiceToken, Critical, "a key of RubyGems", token("rubygems_", 48, 48, lowHex)),
		tokenRule("crates-token", ServiceToken, Critical, "a token of crates.io",
			shape{literal: "cio", min: 32, max: 32, class: alnum, check: randomly}),
		tokenRule("docker-token", RegistryKey, Critical, "a token of Docker Hub",
			token("dckr_pat_", 27, 40, wordDash), token("dckr_oat_", 32, 60, wordDash)),
		tokenRule("artifactory-token", ServiceToken, Critical, "a token of JFrog Artifactory",
			shape{literal: "AKCp", min: 60, max: 80, class: alnum},
			shape{literal: "cmVmdGtu", min: 50, max: 80, class: alnum}),
		tokenRule("sonar-token", ServiceToken, Critical, "a token of SonarQube",
			token("sqp_", 40, 40, lowHex), token("squ_", 40, 40, lowHex), token("sqa_", 40, 40, lowHex)),
		tokenRule("postman-key", ServiceToken, Critical, "a key of Postman",
			token("PMAK-", 59, 59, newClass("a-f0-9-"))),
	}
}

// clouds are where programs run.
func clouds() []rule {
	return []rule{
		{Rule: Rule{"leak/aws-secret-key", AWSKey, Critical, "a secret access key of AWS"},
			anchors: []string{"aws_secret", "secretaccesskey", "secret_access_key", "aws_session_token"},
			find:    findAWSSecret},
		tokenRule("aws-key-id", AWSKey, Medium, "an access key ID of AWS: half of a credential",
			token("AKIA", 16, 16, upperNum), token("ASIA", 16, 16, upperNum), token("ABIA", 16, 16, upperNum)),
		tokenRule("google-key", GoogleKey, Critical, "a key of Google",
			token("AIzaSy", 33, 33, wordDash), token("GOCSPX-", 28, 28, wordDash), token("ya29.", 60, 1200, dotted)),
		tokenRule("digitalocean-token", ServiceToken, Critical, "a token of DigitalOcean",
			token("dop_v1_", 64, 64, lowHex), token("doo_v1_", 64, 64, lowHex), token("dor_v1_", 64, 64, lowHex)),
		tokenRule("alibaba-key-id", ServiceToken, Medium, "an access key ID of Alibaba Cloud: half of a credential",
			shape{literal: "LTAI", min: 17, max: 26, class: alnum, check: randomly}),
		tokenRule("heroku-key", ServiceToken, Critical, "a key of Heroku", token("HRKU-", 36, 70, wordDash)),
		tokenRule("fly-token", ServiceToken, Critical, "a token of Fly.io",
			shape{literal: "fm2_", min: 80, max: 2000, class: base64Std, edge: word},
			shape{literal: "fo1_", min: 43, max: 43, class: wordDash}),
		tokenRule("vault-token", ServiceToken, Critical, "a token of HashiCorp Vault",
			token("hvs.", 24, 300, wordDash), token("hvb.", 100, 400, wordDash), token("hvr.", 24, 300, wordDash)),
		tokenRule("terraform-token", ServiceToken, Critical, "a token of Terraform Cloud",
			shape{pre: 14, literal: ".atlasv1.", min: 60, max: 70, class: newClass("a-zA-Z0-9_=-"), preClass: alnum}),
		tokenRule("pulumi-token", ServiceToken, Critical, "a token of Pulumi", token("pul-", 40, 40, lowHex)),
		tokenRule("doppler-token", ServiceToken, Critical, "a token of Doppler",
			token("dp.pt.", 40, 44, alnum), token("dp.st.", 40, 70, dotted), token("dp.ct.", 40, 44, alnum)),
		tokenRule("1password-token", ServiceToken, Critical, "a service account of 1Password",
			shape{literal: "ops_eyJ", min: 200, max: 4000, class: newClass("a-zA-Z0-9+/_=-")}),
		tokenRule("planetscale-password", DatabaseLogin, Critical, "a password of PlanetScale",
			token("pscale_pw_", 32, 64, dotted), token("pscale_tkn_", 32, 64, dotted)),
		tokenRule("supabase-key", ServiceToken, Critical, "a key of Supabase",
			token("sbp_", 40, 40, lowHex), token("sb_secret_", 20, 60, wordDash)),
		tokenRule("dynatrace-token", ServiceToken, Critical, "a token of Dynatrace", shape{
			literal: "dt0c01.", min: 89, max: 89, class: newClass("A-Z0-9."), edge: dotted}),
		tokenRule("newrelic-key", ServiceToken, Critical, "a key of New Relic", token("NRAK-", 27, 27, alnum)),
		tokenRule("grafana-token", ServiceToken, Critical, "a token of Grafana",
			token("glsa_", 41, 41, word),
			shape{literal: "glc_", min: 32, max: 400, class: newClass("a-zA-Z0-9+/="), edge: word}),
		tokenRule("sentry-token", ServiceToken, Critical, "a token of Sentry",
			shape{literal: "sntrys_eyJ", min: 60, max: 400, class: newClass("a-zA-Z0-9+/=_")},
			token("sntryu_", 64, 64, lowHex)),
		tokenRule("buildkite-token", ServiceToken, Critical, "a token of Buildkite", token("bkua_", 40, 40, lowHex)),
		tokenRule("circleci-token", ServiceToken, Critical, "a token of CircleCI", token("CCIPAT_", 60, 80, word)),
	}
}

// services are everything else.
func services() []rule {
	return []rule{
		tokenRule("slack-token", SlackToken, Critical, "a token of Slack",
			token("xoxb-", 40, 90, wordDash), token("xoxp-", 40, 130, wordDash), token("xoxa-", 40, 130, wordDash),
			token("xoxe-", 40, 200, wordDash), token("xoxr-", 40, 130, wordDash), token("xoxs-", 40, 130, wordDash),
			token("xapp-", 40, 130, wordDash), token("xoxe.xox", 100, 200, wordDash)),
		tokenRule("slack-webhook", SlackToken, Critical, "a webhook of Slack", shape{
			literal: "hooks.slack.com/", min: 40, max: 100, class: newClass("a-zA-Z0-9/"), preClass: alnum,
			edge: word}),
		{Rule: Rule{"leak/teams-webhook", ServiceToken, Critical, "a webhook of Microsoft Teams"},
			anchors: []string{"/IncomingWebhook/"}, exact: true, find: findTeamsWebhook},
		tokenRule("discord-webhook", ServiceToken, Critical, "a webhook of Discord", shape{
			literal: "discord.com/api/webhooks/", min: 80, max: 110, class: newClass("a-zA-Z0-9/_-"),
			edge: wordDash}),
		tokenRule("telegram-token", ServiceToken, Critical, "a token of a Telegram bot", shape{
			pre: 8, preClass: digits, literal: ":AA", min: 33, max: 33, class: wordDash, edge: newClass("a-zA-Z_-")}),
		tokenRule("stripe-key", StripeKey, Critical, "a key of Stripe",
			token("sk_live_", 20, 250, alnum), token("rk_live_", 20, 250, alnum),
			token("whsec_", 32, 64, newClass("a-zA-Z0-9+/"))),
		tokenRule("stripe-test-key", StripeKey, Low, "a test key of Stripe",
			token("sk_test_", 20, 250, alnum), token("rk_test_", 20, 250, alnum)),
		tokenRule("square-token", ServiceToken, Critical, "a token of Square",
			token("sq0atp-", 22, 22, wordDash), token("sq0csp-", 43, 43, wordDash), token("EAAAE", 59, 59, wordDash)),
		tokenRule("shopify-token", ServiceToken, Critical, "a token of Shopify",
			token("shpat_", 32, 32, newClass("a-fA-F0-9")), token("shpss_", 32, 32, newClass("a-fA-F0-9")),
			token("shpca_", 32, 32, newClass("a-fA-F0-9")), token("shppa_", 32, 32, newClass("a-fA-F0-9"))),
		tokenRule("sendgrid-key", ServiceToken, Critical, "a key of SendGrid", shape{
			literal: "SG.", min: 66, max: 66, class: dotted, check: func(v []byte) bool { return v[25] == '.' }}),
		tokenRule("brevo-key", ServiceToken, Critical, "a key of Brevo", token("xkeysib-", 81, 81, wordDash)),
		tokenRule("openai-key", ServiceToken, Critical, "a key of OpenAI",
			token("sk-proj-", 40, 250, wordDash), token("sk-svcacct-", 40, 250, wordDash),
			token("sk-admin-", 40, 250, wordDash),
			shape{pre: 23, literal: "T3BlbkFJ", min: 20, max: 20, class: alnum,
				preClass: newClass("a-zA-Z0-9-"), edge: word}),
		tokenRule("anthropic-key", ServiceToken, Critical, "a key of Anthropic", token("sk-ant-", 80, 150, wordDash)),
		tokenRule("huggingface-token", ServiceToken, Critical, "a token of Hugging Face",
			token("hf_", 34, 37, alnum)),
		tokenRule("linear-key", ServiceToken, Critical, "a key of Linear", token("lin_api_", 40, 40, alnum)),
		tokenRule("notion-token", ServiceToken, Critical, "a token of Notion", token("ntn_", 43, 46, alnum)),
		tokenRule("figma-token", ServiceToken, Critical, "a token of Figma", token("figd_", 38, 50, wordDash)),
		tokenRule("age-key", PrivateKey, Critical, "a private key of age",
			token("AGE-SECRET-KEY-1", 58, 58, upperNum)),
	}
}

func providerRules() []rule {
	return append(append(codeHosts(), clouds()...), services()...)
}

func randomly(value []byte) bool { return random(value, 3.2) && mixed(value) }

// findAWSSecret finds the 40 characters of a secret access key, or a session token,
// after its name.
func findAWSSecret(text []byte, at int) (found, bool) {
	i, ok := assigned(text, word.run(text, at, 40))
	if !ok {
		return found{}, false
	}
	i = blank.run(text, i, 4)
	if i < len(text) && (text[i] == '"' || text[i] == '\'') {
		i++
	}
	end, n, _ := base64Std.runChars(text, i, 2000)
	to := skipPadding(text, end)
	return found{from: i, to: to}, (n == 40 || n >= 100) && random(text[i:to], 3.5) && !isPlaceholder(text[i:to])
}

// findTeamsWebhook finds .../IncomingWebhook/<32 hex>/<guid>.
func findTeamsWebhook(text []byte, at int) (found, bool) {
	from := at + len("/IncomingWebhook/")
	to := lowHex.run(text, from, 33)
	if to-from != 32 || to == len(text) || text[to] != '/' {
		return found{}, false
	}
	end := newGUIDClass.run(text, to+1, 200)
	return found{from: from, to: end}, end-to-1 >= 36
}

var newGUIDClass = newClass("a-zA-Z0-9_-")
