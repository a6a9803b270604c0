// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Cli;
using Capbox.Platform.Linux;

StandardDescriptors.Fill();
StandardOutput.Install();
return CommandLine.Run(args);
