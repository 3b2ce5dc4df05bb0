package ecstest

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Service is a service to be made.
type Service struct {
	Name    string
	Desired int
	// CapacityProvider of its tasks. Empty means "FARGATE".
	CapacityProvider string
	// StartDelay is how long its scheduler takes to start a task.
	StartDelay time.Duration
	// Victim chooses the task that a scale-in stops from those without
	// protection, oldest first. Nil means the first.
	Victim func(arns []string) int
}

// service keeps its desired count of tasks. Guarded by [Fake].mu.
type service struct {
	Service
	name     string
	desired  int
	events   []event // newest first
	settling bool
}

func (s *service) is(name string) bool { return name == s.name }

// AddService makes a service.
func (f *Fake) AddService(o Service) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o.CapacityProvider == "" {
		o.CapacityProvider = fargate
	}
	s := &service{Service: o, name: o.Name, desired: o.Desired}
	f.services[o.Name] = s
	f.settle(s)
}

// Desired returns the desired count of a service.
func (f *Fake) Desired(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.services[name].desired
}

// Protected returns the ARNs of the tasks that are protected from scale-in.
func (f *Fake) Protected() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var arns []string
	for _, t := range f.tasks {
		if t.wanted() && t.protected() {
			arns = append(arns, t.wire.TaskARN)
		}
	}
	return arns
}

func (f *Fake) service(name string) *service {
	for _, s := range f.services {
		if s.is(name) || f.arn("service", s.name) == name {
			return s
		}
	}
	return nil
}

func serviceNotFound() *Error {
	return &Error{Status: http.StatusBadRequest, Code: "ServiceNotFoundException", Message: "Service not found."}
}

// settle has the service's scheduler look at it. f.mu is held.
func (f *Fake) settle(s *service) {
	if s.settling {
		return
	}
	s.settling = true
	f.after(s.StartDelay, func() {
		s.settling = false
		f.schedule(s)
	})
}

// restartDelay is the time until a scheduler tries again what it could not do.
const restartDelay = 5 * time.Second

// schedule starts what is missing and stops what is too much.
func (f *Fake) schedule(s *service) {
	tasks := f.tasksOf(s)
	for missing := s.desired - len(tasks); missing > 0; missing-- {
		w := wireTask{
			TaskDefinitionARN: s.name, Group: "service:" + s.name, StartedBy: "ecs-svc/1",
			LaunchType: fargate, CapacityProviderName: s.CapacityProvider,
		}
		script := f.script(&w, s.name)
		if script.Refusal != "" {
			s.tell("(service %s) was unable to place a task. Reason: %s", s.name, script.Refusal)
			f.after(restartDelay, func() { f.settle(s) })
			return
		}
		t := f.launch(w, s, nil, script)
		s.tell("(service %s) has started 1 tasks: (task %s).", s.name, t.wire.TaskARN)
	}
	tasks = slices.DeleteFunc(tasks, (*task).protected)
	for surplus := len(f.tasksOf(s)) - s.desired; surplus > 0 && len(tasks) > 0; surplus-- {
		i := 0
		if s.Victim != nil {
			var arns []string
			for _, t := range tasks {
				arns = append(arns, t.wire.TaskARN)
			}
			i = s.Victim(arns)
		}
		s.tell("(service %s) has stopped 1 running tasks: (task %s).", s.name, tasks[i].wire.TaskARN)
		f.stop(tasks[i], "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)")
		tasks = slices.Delete(tasks, i, i+1)
	}
}

// tasksOf returns the service's tasks that are not asked to stop.
func (f *Fake) tasksOf(s *service) []*task {
	var tasks []*task
	for _, t := range f.tasks {
		if t.service == s && t.wanted() {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

func (s *service) tell(format string, args ...any) {
	e := event{ID: fmt.Sprint(len(s.events)), CreatedAt: seconds(time.Now()), Message: fmt.Sprintf(format, args...)}
	s.events = append([]event{e}, s.events...)
}

func (f *Fake) describe(s *service) wireService {
	w := wireService{
		ServiceARN: f.arn("service", s.name), ServiceName: s.name, ClusterARN: f.clusterARN(), Status: "ACTIVE",
		TaskDefinition: s.name, DesiredCount: s.desired, Events: s.events,
	}
	for _, t := range f.tasksOf(s) {
		if t.wire.LastStatus == running {
			w.RunningCount++
		} else {
			w.PendingCount++
		}
	}
	return w
}

func (f *Fake) describeServices(in describeServicesInput) (describeServicesOutput, *Error) {
	out := describeServicesOutput{Services: []wireService{}, Failures: []failure{}}
	if err := f.checkCluster(in.Cluster); err != nil {
		return out, err
	}
	const most = 10
	if len(in.Services) == 0 || len(in.Services) > most {
		return out, invalidParameter("Services must have between 1 and 10 entries.")
	}
	for _, name := range in.Services {
		if s := f.service(name); s != nil {
			out.Services = append(out.Services, f.describe(s))
		} else {
			out.Failures = append(out.Failures, failure{ARN: f.arn("service", name), Reason: "MISSING"})
		}
	}
	return out, nil
}

func (f *Fake) updateService(in updateServiceInput) (updateServiceOutput, *Error) {
	if err := f.checkCluster(in.Cluster); err != nil {
		return updateServiceOutput{}, err
	}
	s := f.service(in.Service)
	if s == nil {
		return updateServiceOutput{}, serviceNotFound()
	}
	if in.DesiredCount != nil {
		s.desired = *in.DesiredCount
	}
	f.settle(s)
	return updateServiceOutput{Service: f.describe(s)}, nil
}

// protected reports whether a scale-in spares the task.
func (t *task) protected() bool { return time.Now().Before(t.protectedUntil) }

func (f *Fake) updateTaskProtection(in updateTaskProtectionInput) (updateTaskProtectionOutput, *Error) {
	const most, shortest, longest, usual = 10, 1, 2880, 120
	out := updateTaskProtectionOutput{ProtectedTasks: []protectedTask{}, Failures: []failure{}}
	if err := f.checkCluster(in.Cluster); err != nil {
		return out, err
	}
	minutes := usual
	if in.ExpiresInMinutes != nil {
		minutes = *in.ExpiresInMinutes
	}
	switch {
	case len(in.Tasks) == 0 || len(in.Tasks) > most:
		return out, invalidParameter("Tasks must have between 1 and 10 entries.")
	case minutes < shortest || minutes > longest:
		return out, invalidParameter("expiresInMinutes must be between 1 and 2880")
	}
	for _, name := range in.Tasks {
		f.protect(name, in.ProtectionEnabled, time.Duration(minutes)*time.Minute, &out)
	}
	return out, nil
}

func (f *Fake) protect(name string, enable bool, d time.Duration, out *updateTaskProtectionOutput) {
	t := f.find(name)
	refuse := func(reason string) { out.Failures = append(out.Failures, failure{ARN: name, Reason: reason}) }
	switch {
	case t == nil || !t.visible():
		refuse("MISSING")
		return
	case t.service == nil || !t.wanted():
		refuse("TASK_NOT_VALID")
		return
	case enable && !t.protected() && f.protectedOf(t.service) >= t.service.desired:
		refuse("DEPLOYMENT_BLOCKED")
		return
	}
	answer := protectedTask{TaskARN: t.wire.TaskARN, ProtectionEnabled: enable}
	t.protectedUntil = time.Time{}
	if enable {
		t.protectedUntil = time.Now().Add(d)
		answer.ExpirationDate = seconds(t.protectedUntil)
		f.after(d, func() { f.settle(t.service) })
	} else {
		f.settle(t.service)
	}
	out.ProtectedTasks = append(out.ProtectedTasks, answer)
}

// protectedOf counts the protected tasks of a service.
func (f *Fake) protectedOf(s *service) int {
	n := 0
	for _, t := range f.tasksOf(s) {
		if t.protected() {
			n++
		}
	}
	return n
}
