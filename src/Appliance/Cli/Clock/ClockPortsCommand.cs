// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Capture;
using Capbox.Platform.Linux;
using Capbox.Platform.Nic;
using Capbox.Ptp.Clocks;

namespace Capbox.Cli;

/// <summary><c>capbox clock ports</c>.</summary>
internal static class ClockPortsCommand
{
    /// <param name="netns">Network namespace, by name or path; null: ours.</param>
    /// <param name="json">For programs.</param>
    public static int Run(string? netns, bool json)
    {
        if (netns is not null && PortName.CheckNetns(netns) is { } problem)
            return ErrorOutput.BadUse($"--netns: {problem}");
        ClockInventory inventory;
        try
        {
            if (netns is null)
            {
                inventory = ClockInventory.Read();
            }
            else
            {
                using NetNamespace? space = NetNamespace.TryOpen(netns);
                if (space is null)
                    return ErrorOutput.Failed($"--netns {netns}: {PortName.FindNetns(netns, out _) ?? "it disappeared"}");
                inventory = Named(space.Run(ClockInventory.Read), netns);
            }
        }
        catch (IOException e)
        {
            return ErrorOutput.Failed(netns is null ? e.Message : $"--netns {netns}: {e.Message}");
        }

        if (json)
            Console.Out.WriteLine(System.Text.Json.JsonSerializer.Serialize(inventory, ClockJson.Default.ClockInventory));
        else
            Write(inventory);
        return ExitCode.Good;
    }

    /// <summary>Ports as --port takes them.</summary>
    private static ClockInventory Named(ClockInventory inventory, string netns) => new(
        [.. inventory.Ports.Select(port => port with { Name = PortName.Join(netns, port.Name), Netns = netns })],
        [.. inventory.Clocks.Select(clock => clock with { Ports = [.. clock.Ports.Select(port => PortName.Join(netns, port))] })]);

    private static void Write(ClockInventory inventory)
    {
        TextTable ports = new("PORT", "DRIVER", "CLOCK", "PTP STAMPS", "PACKET STAMPS", "RX FILTER", "TX STAMPS");
        foreach (ClockPort port in inventory.Ports)
        {
            ports.Add(
                port.Name, port.Driver ?? "-", port.Clock is { } clock ? Ptp(clock) : "-", Text(port.PtpStamps), Text(port.PacketStamps), port.Granted?.RxFilter ?? "-", port.Granted?.TxType ?? "-");
        }

        WriteLines(ports.Lines());
        if (inventory.Clocks.Count > 0)
        {
            Console.Out.WriteLine();
            TextTable clocks = new("CLOCK", "NAME", ">MAX PPB", ">DIALLED PPB", ">AHEAD OF SYSTEM", ">WITHIN", "PORTS");
            foreach (ClockDevice clock in inventory.Clocks)
                clocks.Add(Row(clock));
            WriteLines(clocks.Lines());
        }

        WriteLines(Notes(inventory));
    }

    private static string[] Row(ClockDevice clock) =>
    [
        Ptp(clock.Index), clock.Name ?? "-",
        clock.Capabilities?.MaxFrequencyPpb.ToString("N0", CultureInfo.InvariantCulture) ?? "-",
        clock.FrequencyPpb?.ToString("N3", CultureInfo.InvariantCulture) ?? "-",
        clock.Reading is { } reading ? reading.OffsetNs.ToString("N0", CultureInfo.InvariantCulture) + " ns" : "-",
        clock.Reading is { } read ? read.BoundNs.ToString("N0", CultureInfo.InvariantCulture) + " ns" : "-",
        clock.VirtualOf is { } physical ? $"virtual, of {Ptp(physical)}" : clock.Ports.Count > 0 ? string.Join(' ', clock.Ports) : "-",
    ];

    /// <summary>One line each; ports of one driver share its lines.</summary>
    private static IEnumerable<string> Notes(ClockInventory inventory)
    {
        List<string> lines = [];
        foreach (IGrouping<string?, ClockPort> driver in inventory.Ports.Where(port => port.Notes.Count > 0 && !port.Quirks.HasFlag(DriverQuirks.SoftwareOnly)).GroupBy(port => port.Driver))
            lines.AddRange(driver.First().Notes.Select(note => $"{driver.Key}: {note}"));
        foreach (ClockPort port in inventory.Ports)
            lines.AddRange(port.DriverFlags.Select(flag => $"{port.Name}: {flag.Name} is {(flag.IsOn ? "on" : "off")}"));
        foreach (ClockDevice clock in inventory.Clocks)
        {
            if (clock.Problem is { } problem)
                lines.Add(problem);
            if (clock.VirtualClocks.Count > 0)
                lines.Add($"{Ptp(clock.Index)}: runs freely for its virtual clocks {string.Join(' ', clock.VirtualClocks.Select(Ptp))}");
            if (clock.MayBeSameAs.Count > 0)
                lines.Add($"{Ptp(clock.Index)}: may be the same clock as {string.Join(' ', clock.MayBeSameAs.Select(Ptp))}");
        }

        return lines.Count == 0 ? lines : lines.Prepend("");
    }

    private static string Ptp(int clock) => string.Create(CultureInfo.InvariantCulture, $"ptp{clock}");

    private static string Text(StampKind source) => source switch { StampKind.Hardware => "hardware", StampKind.Software => "software", _ => "none" };

    private static void WriteLines(IEnumerable<string> lines)
    {
        foreach (string line in lines)
            Console.Out.WriteLine(line);
    }
}
