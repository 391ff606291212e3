package pipeline_test

import (
	"os"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
)

func ExampleLog_Warning() {
	log := pipeline.New(os.Stdout, nil)
	log.Warning(pipeline.Issue{Message: "lock file is older than the manifest", Path: "package-lock.json", Line: 1})
	// Output: ##vso[task.logissue type=warning;sourcepath=package-lock.json;linenumber=1;]lock file is older than the manifest
}

func ExampleLog_SetVariable() {
	log := pipeline.New(os.Stdout, nil)
	if err := log.SetVariable("hit", "exact", pipeline.Var{Output: true}); err != nil {
		log.Print(err.Error())
	}
	// Output: ##vso[task.setvariable variable=hit;isOutput=true;]exact
}
