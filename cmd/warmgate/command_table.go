package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/webordinary/warmgate/session/dynamo"
)

func (a *app) tableCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "table",
		Short: "Make the tables of the DynamoDB store",
		Args:  group,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.tableCreateCommand())
	return cmd
}

func (a *app) tableCreateCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make the tables that do not exist yet",
		Long: `create makes the two tables that the configuration names (store.table and
store.control_table), paid by request, with deletion protection, point-in-time
recovery, and deletion of expired items. An extension of a session in them costs
one write unit. A table that exists is left as it is.

It needs more permissions than serve: dynamodb:CreateTable, DescribeTable,
UpdateTimeToLive and UpdateContinuousBackups.`,
		Example: `  warmgate table create --dry-run
  warmgate table create --config warmgate.yaml`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, found, err := loadConfig(a.configFile, a.lookup)
			if err != nil {
				return err
			}
			c.Store.Kind = storeDynamoDB
			if err := c.Validate(); err != nil {
				return mistakesIn(found, err)
			}
			plans := dynamo.Plans(c.Store.Table, c.Store.ControlTable, dynamo.Attributes(c.Store.Attributes))
			if dryRun {
				return a.printPlans(plans)
			}
			return a.createTables(cmd.Context(), &c.Store, plans)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would be done, as commands of the AWS command line")
	return cmd
}

// createTables makes the tables and says what became of each step.
func (a *app) createTables(ctx context.Context, s *StoreConfig, plans []dynamo.Plan) error {
	cfg, err := newOutside().aws(ctx, "store", s.Region)
	if err != nil {
		return err
	}
	client := dynamo.NewControlClient(cfg, s.Endpoint)
	for _, p := range plans {
		name := aws.ToString(p.Table.TableName)
		made, outcomes, err := dynamo.CreateTable(ctx, client, p)
		if err != nil {
			return err
		}
		if !made {
			fmt.Fprintf(a.stdout, "%s exists already and stays as it is\n", name)
			continue
		}
		fmt.Fprintf(a.stdout, "%s made\n", name)
		for _, o := range outcomes {
			if o.Err != nil {
				fmt.Fprintf(a.stdout, "  not done: %s: %v\n", o.Step, o.Err)
			} else {
				fmt.Fprintf(a.stdout, "  %s: on\n", o.Step)
			}
		}
	}
	return nil
}

// printPlans writes the plans as commands that do the same.
func (a *app) printPlans(plans []dynamo.Plan) error {
	for _, p := range plans {
		input, err := commandInput(p.Table)
		if err != nil {
			return err
		}
		name := aws.ToString(p.Table.TableName)
		fmt.Fprintf(a.stdout, "aws dynamodb create-table --cli-input-json '%s'\n", input)
		fmt.Fprintf(a.stdout, "aws dynamodb wait table-exists --table-name %s\n", name)
		fmt.Fprintf(a.stdout, "aws dynamodb update-time-to-live --table-name %s --time-to-live-specification Enabled=true,AttributeName=%s\n", name, p.TTL)
		fmt.Fprintf(a.stdout, "aws dynamodb update-continuous-backups --table-name %s --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true\n", name)
	}
	return nil
}

// commandInput returns a call's input as the AWS command line reads it: without
// what is not set.
func commandInput(input any) ([]byte, error) {
	b, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	return json.MarshalIndent(withoutEmpty(all), "", "  ")
}

func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if value = withoutEmpty(value); value == nil || value == "" {
				delete(v, key)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutEmpty(v[i])
		}
	}
	return v
}
