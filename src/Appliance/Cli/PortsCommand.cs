// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Capture;
using Capbox.Platform.Nic;

namespace Capbox.Cli;

/// <summary><c>capbox ports</c>.</summary>
internal static class PortsCommand
{
    /// <param name="netns">Network namespace, by name or path; null: ours.</param>
    /// <param name="json">For programs.</param>
    public static int Run(string? netns, bool json)
    {
        if (netns is not null && PortName.CheckNetns(netns) is { } problem)
            return ErrorOutput.BadUse($"--netns: {problem}");
        IReadOnlyList<PortInfo> ports;
        try
        {
            using PortNamespace? space = PortNamespace.TryOpen(netns);
            if (space is null)
                return ErrorOutput.Failed($"--netns {netns}: {PortName.FindNetns(netns!, out _) ?? "it disappeared"}");
            // Named as --port takes them.
            ports = [.. PortInfo.List(space.Links).Select(port => port with { Name = PortName.Join(netns, port.Name), Netns = netns })];
        }
        catch (IOException e)
        {
            return ErrorOutput.Failed(netns is null ? e.Message : $"--netns {netns}: {e.Message}");
        }

        if (json)
        {
            Json.WriteLine(ports, Json.Default.IReadOnlyListPortInfo);
            return ExitCode.Good;
        }

        TextTable table = new("PORT", "LINK", ">SPEED", "DRIVER", "MAC", ">MTU", "OFFLOADS", "STAMPS");
        foreach (PortInfo port in ports)
        {
            table.Add(
                port.Name, LinkText(port), port.SpeedBitsPerSecond is { } speed ? Humanize.Scaled(speed) + "b/s" : "-", port.Driver ?? "-", port.Mac ?? "-",
                port.MtuBytes.ToString(CultureInfo.InvariantCulture), OffloadText(port.Offloads), StampText(port.Timestamping));
        }

        foreach (string line in table.Lines())
            Console.Out.WriteLine(line);
        return ExitCode.Good;
    }

    private static string LinkText(PortInfo port) => !port.Up ? "down" : port.Carrier == false ? "no link" : "up";

    private static string OffloadText(PortOffloads offloads)
    {
        (bool? On, string Name)[] all =
        [
            (offloads.Gro, "gro"), (offloads.Lro, "lro"), (offloads.Gso, "gso"), (offloads.Tso, "tso"), (offloads.RxVlan, "rx-vlan"),
            (offloads.TxVlan, "tx-vlan"),
        ];
        string text = string.Join(' ', all.Where(o => o.On == true).Select(o => o.Name));
        return text.Length == 0 ? "-" : text;
    }

    private static string StampText(PortTimestamping? stamps) => stamps switch
    {
        null => "software",
        { HardwareAll: true, PhcIndex: { } phc } => string.Create(CultureInfo.InvariantCulture, $"hardware, all packets, ptp{phc}"),
        { HardwareAll: true } => "hardware, all packets",
        { PhcIndex: { } phc } => string.Create(CultureInfo.InvariantCulture, $"software (ptp{phc}: PTP packets only)"),
        _ => "software",
    };
}
