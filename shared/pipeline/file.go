package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The commands in this file make the step fail at the agent when the file they
// name is missing, and the agent reads the file later, in the background: so
// each is checked before it is printed, and the file must stay until the job
// ends (Agent.TempDirectory is the place). Paths must be absolute: the agent
// would take a relative one from its own working directory, not the task's.

// UploadSummary shows a Markdown file on the run's Extensions tab. Its base name
// is the heading's identity, so it should be distinct for each step.
func (l *Log) UploadSummary(path string) error { return l.file("task.uploadsummary", nil, path) }

// UploadFile adds a file to what "download logs" gives.
func (l *Log) UploadFile(path string) error { return l.file("task.uploadfile", nil, path) }

// AddAttachment attaches a file to the step's timeline record, for other
// programs to find by kind and name. Neither may hold characters that a file
// name cannot have.
func (l *Log) AddAttachment(kind, name, path string) error {
	if l.holdsSecret(kind + "\n" + name) {
		return errors.New("an attachment's name holds a secret")
	}
	for _, s := range []string{kind, name} {
		if s == "" || strings.ContainsAny(s, "\"<>|:*?\\/\r\n\x00") {
			return fmt.Errorf("attachment %q of kind %q: both need to be valid file names", name, kind)
		}
	}
	return l.file("task.addattachment", []property{{"type", kind}, {"name", name}}, path)
}

// UploadArtifact uploads a file or folder as (a part of) a build artifact.
// Build pipelines only. An empty folder argument means the artifact's name.
func (l *Log) UploadArtifact(artifact, folder, path string) error {
	if l.holdsSecret(artifact + "\n" + folder) {
		return errors.New("an artifact's name holds a secret")
	}
	if artifact == "" {
		return fmt.Errorf("artifact of %s: a name is required", path)
	}
	if _, err := l.stat("artifact.upload", path); err != nil {
		return err
	}
	l.command("artifact.upload", []property{{"containerfolder", folder}, {"artifactname", artifact}}, path)
	return nil
}

// PublishTests shows a JUnit file as a test run with this title on the run's Tests tab
// (ResultsCommandExtension.cs). A failed test does not fail the step.
func (l *Log) PublishTests(title, path string) error {
	if l.holdsSecret(title) {
		return errors.New("the title of a test run holds a secret")
	}
	if strings.Contains(path, ",") {
		return fmt.Errorf("results.publish: the agent takes the comma in %s for the end of a name", path)
	}
	if _, err := l.stat("results.publish", path); err != nil {
		return err
	}
	l.command("results.publish", []property{
		{"mergeResults", "false"}, {"publishRunAttachments", "true"},
		{"resultFiles", path}, {"runTitle", title}, {"type", "JUnit"},
	}, "")
	return nil
}

// PrependPath puts a folder in front of PATH for the following steps.
func (l *Log) PrependPath(dir string) error {
	info, err := l.stat("task.prependpath", dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("task.prependpath: %s is not a folder", dir)
	}
	l.command("task.prependpath", nil, dir)
	return nil
}

func (l *Log) file(name string, properties []property, path string) error {
	info, err := l.stat(name, path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %s is not a file", name, path)
	}
	l.command(name, properties, path)
	return nil
}

func (l *Log) stat(name, path string) (fs.FileInfo, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%s: path %q is not absolute", name, path)
	}
	if l.holdsSecret(path) {
		return nil, fmt.Errorf("%s: the path holds a secret and cannot be named in a command", name)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return info, nil
}
