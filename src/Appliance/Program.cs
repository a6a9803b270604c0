using Capbox.Cli;

return CommandLine.Run(args);
