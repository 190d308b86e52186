package price

// canonical maps the names that data sets and client libraries use for a provider to the value of
// gen_ai.provider.name in the semantic conventions of OpenTelemetry.
var canonical = map[string]string{
	"aws":                    "aws.bedrock",
	"bedrock":                "aws.bedrock",
	"bedrock_converse":       "aws.bedrock",
	"amazon-bedrock":         "aws.bedrock",
	"az.ai.inference":        "azure.ai.inference",
	"azure_ai":               "azure.ai.inference",
	"az.ai.openai":           "azure.ai.openai",
	"azure":                  "azure.ai.openai",
	"azure_openai":           "azure.ai.openai",
	"cohere_chat":            "cohere",
	"gcp.gen_ai":             "gcp.gemini",
	"gemini":                 "gcp.gemini",
	"google":                 "gcp.gemini",
	"google-vertex":          "gcp.vertex_ai",
	"vertex_ai":              "gcp.vertex_ai",
	"mistral":                "mistral_ai",
	"mistralai":              "mistral_ai",
	"moonshot":               "moonshot_ai",
	"moonshotai":             "moonshot_ai",
	"watsonx":                "ibm.watsonx.ai",
	"x-ai":                   "x_ai",
	"xai":                    "x_ai",
	"together_ai":            "together",
	"togetherai":             "together",
	"fireworks_ai":           "fireworks",
	"fireworks-ai":           "fireworks",
	"text-completion-openai": "openai",
}

// CanonicalProvider is the one name under which a provider has prices: that of OpenTelemetry where
// name is another known one, else name itself.
func CanonicalProvider(name string) string {
	if known, ok := canonical[name]; ok {
		return known
	}
	return name
}
