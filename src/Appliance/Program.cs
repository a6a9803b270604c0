using Capbox.Cli;
using Capbox.Native;

StandardDescriptors.Fill();
StandardOutput.Install();
return CommandLine.Run(args);
