using Capbox.Cli;
using Capbox.Platform.Linux;

StandardDescriptors.Fill();
StandardOutput.Install();
return CommandLine.Run(args);
