// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.InteropServices;

namespace Capbox.Bench;

/// <summary>`Bench generate`: see README.md, the tests rely on its options and its output.</summary>
internal static class GenerateCommand
{
    public static int Run(string[] args)
    {
        var options = new Arguments(args, "json");
        using var end = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => End(context, end));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, end));
        int[] sizes = TestPacket.Sizes(options.Text("size") ?? "64");
        var traffic = new Traffic
        {
            Port = options.Required("port"),
            Namespace = options.Text("netns"),
            FrameBytes = sizes,
            Milliseconds = options.Number("milliseconds", 0, 1, 86_400_000),
            Packets = options.Number("packets", long.MaxValue, 1, long.MaxValue),
            PacketsPerSecond = options.Number("pps", 0, 1, 100_000_000),
            Flows = (int)options.Number("flows", 1, 1, TestPacket.FlowsMost),
            Stream = (uint)options.Number("stream", 0, 0, uint.MaxValue),
            FirstSequence = (ulong)options.Number("first", 0, 0, long.MaxValue),
            Vlan = (int)options.Number("vlan", 0, 1, 4094),
            MaxLagMs = options.Number("max-lag", 0, 1, 10_000),
            End = end.Token,
            Cpu = (int)options.Number("cpu", -1, 0, 1023),
        };
        bool json = options.Flag("json");
        options.Done();
        if (traffic.Packets == long.MaxValue && traffic.Milliseconds == 0)
            throw new UsageException("--packets or --milliseconds is required");

        if (traffic.Vlan > 0 && sizes.Min() < TestPacket.LeastBytes + 4)
            throw new UsageException($"--size: at least {TestPacket.LeastBytes + 4} with --vlan");

        Sent sent = Generator.Run(traffic);
        string seconds = sent.Seconds.ToString("F6", CultureInfo.InvariantCulture);
        string rate = (sent.Packets / sent.Seconds).ToString("F0", CultureInfo.InvariantCulture);
        Console.WriteLine(json
            ? $"{{\"sent\":{sent.Packets},\"bytes\":{sent.Bytes},\"refused\":{sent.Refused},\"seconds\":{seconds},\"pps\":{rate}}}"
            : $"sent {sent.Packets} packets {sent.Bytes} bytes refused {sent.Refused} seconds {seconds} pps {rate}");
        return 0;
    }

    /// <summary>What was sent until then is counted and printed.</summary>
    private static void End(PosixSignalContext context, CancellationTokenSource end)
    {
        context.Cancel = true;
        end.Cancel();
    }
}
