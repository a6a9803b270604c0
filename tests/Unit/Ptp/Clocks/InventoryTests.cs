// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Nic;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Xunit;

namespace Capbox.Ptp.Tests.Clocks;

/// <summary>The inventory of this machine, and what drivers' answers mean.</summary>
public class InventoryTests
{
    private const uint AllHardware = StampNames.TransmitHardware | StampNames.ReceiveHardware | StampNames.RawHardware;
    private const uint AllSoftware = StampNames.TransmitSoftware | StampNames.ReceiveSoftware;

    [Fact]
    public void Loopback_has_software_stamps_alone()
    {
        ClockPort lo = Assert.Single(ClockPort.List(), port => port.Name == "lo");
        Assert.Equal((1, StampKind.Software, StampKind.Software), (lo.Index, lo.PtpStamps, lo.PacketStamps));
        Assert.Null(lo.Clock);
        Assert.Contains("software-receive", lo.Stamping);
    }

    [Fact]
    public void Every_clock_of_the_machine_is_listed()
    {
        ClockInventory inventory = ClockInventory.Read();
        Assert.Equal(Clocks().Order(), inventory.Clocks.Select(clock => clock.Device));
        Assert.All(inventory.Clocks, clock => Assert.True(clock.Problem is not null || clock.Reading is not null));

        static IEnumerable<string> Clocks() => Directory.Exists("/sys/class/ptp") ? Directory.GetFileSystemEntries("/sys/class/ptp").Select(path => "/dev/" + Path.GetFileName(path)) : [];
    }

    [Theory]
    [InlineData(AllHardware | AllSoftware, 0, StampKind.Hardware)]
    [InlineData(AllHardware, null, StampKind.None)]
    [InlineData(AllHardware | AllSoftware, null, StampKind.Software)]
    [InlineData(StampNames.ReceiveHardware | StampNames.RawHardware | StampNames.ReceiveSoftware, 0, StampKind.None)]
    [InlineData(StampNames.ReceiveSoftware, null, StampKind.None)]
    public void Ptp_needs_stamps_both_ways_and_a_clock(uint flags, int? clock, StampKind expected) => Assert.Equal(expected, ClockPort.BestPtpStamps(flags, clock));

    [Theory]
    [InlineData(AllHardware, 0b11u, DriverQuirks.None, StampKind.Hardware)]
    [InlineData(AllHardware, 0b1_0000_0000_0001u, DriverQuirks.None, StampKind.Software)] // PTP v2 events alone
    [InlineData(AllHardware, 0b11u, DriverQuirks.EventPacketsOnly, StampKind.Software)]
    [InlineData(AllSoftware, 0b11u, DriverQuirks.None, StampKind.Software)]
    public void Packets_have_hardware_stamps_only_if_all_have(uint flags, uint filters, DriverQuirks quirks, StampKind expected) =>
        Assert.Equal(expected, ClockPort.BestPacketStamps(flags, filters, quirks));

    private const StampNeeds Both = StampNeeds.EthernetEvents | StampNeeds.UdpEvents;
    private const uint Igb82576 = 0x1013, X710 = 0x7fd1, Mlx5 = 0b11, OldX710 = 0xe01; // by bit: what drivers offer

    [Theory]
    [InlineData(Igb82576, 0, Both, 12)]
    [InlineData(Mlx5, 0, StampNeeds.EthernetEvents, 1)] // all or nothing
    [InlineData(X710, 0, StampNeeds.EthernetEvents, 9)]
    [InlineData(X710, 9, StampNeeds.UdpEvents, 12)] // somebody else's Ethernet events stay
    [InlineData(X710, 0, StampNeeds.EveryPacket, 0)] // it cannot
    [InlineData(OldX710, 0, Both, 9)] // Ethernet alone is better than nothing
    [InlineData(OldX710, 9, Both, 9)]
    [InlineData(Mlx5, 1, Both, 1)] // a recorder's
    [InlineData(Mlx5 | 0x1000, 1, StampNeeds.EthernetEvents, 1)]
    [InlineData(Mlx5 | 0x1000, 12, StampNeeds.EveryPacket, 1)]
    [InlineData(0u, 0, Both, 0)]
    public void The_narrowest_filter_that_serves_all_is_asked_for(uint offered, int present, StampNeeds needs, int filter) =>
        Assert.Equal(filter, PortStamping.Choose(offered, present, needs));

    [Fact]
    public void A_port_without_hardware_stamps_is_told_by_name()
    {
        Assert.Equal("port lo: no hardware stamps", Assert.Throws<ClockException>(() => PortStamping.Enable("lo", Both)).Message);
        Assert.Equal("port nope0: timestamping: No such device", Assert.Throws<ClockException>(() => PortStamping.Enable("nope0", Both)).Message);
    }

    [Fact]
    public void Names_are_ethtools_and_what_is_newer_has_its_number()
    {
        Assert.Equal(["hardware-transmit", "software-transmit", "hardware-receive", "hardware-raw-clock", "bind-phc"], StampNames.Flags(0x8047));
        Assert.Equal(["none", "all", "ptpv2-l4-event", "ptpv2-event", "ntp-all"], StampNames.Filters(0x9043));
        Assert.Equal(["off", "on", "onestep-p2p"], StampNames.TransmitTypes(0b1011));
        Assert.Equal(("16", "4", "-1"), (StampNames.Filter(16), StampNames.TransmitType(4), StampNames.Filter(-1)));
        Assert.Equal(["31"], StampNames.Flags(1u << 31));
    }

    [Fact]
    public void Only_ports_of_one_card_and_a_driver_known_for_it_may_share_a_clock()
    {
        ClockPort[] ports =
        [
            Port("a0", "mlx5_core", "0000:03:00.0", 0), Port("a1", "mlx5_core", "0000:03:00.1", 1), Port("b0", "mlx5_core", "0000:04:00.0", 2),
            Port("c0", "i40e", "0000:05:00.0", 3), Port("c1", "i40e", "0000:05:00.1", 4), Port("d", "mlx5_core", null, 5),
        ];
        Assert.Equal([1], ClockInventory.MayBeSame(0, ports));
        Assert.Equal([0], ClockInventory.MayBeSame(1, ports));
        Assert.All([2, 3, 4, 5, 99], clock => Assert.Equal([], ClockInventory.MayBeSame(clock, ports)));
    }

    [Theory]
    [InlineData("i40e", DriverQuirks.OneTransmitStamp | DriverQuirks.RedialAfterLinkChange | DriverQuirks.EventPacketsOnly)]
    [InlineData("mlx5_core", DriverQuirks.MayShareClock | DriverQuirks.FilterStopsCompression)]
    [InlineData("of-tomorrow", DriverQuirks.None)]
    [InlineData(null, DriverQuirks.None)]
    public void Drivers_are_known_by_name(string? driver, DriverQuirks quirks) => Assert.Equal(quirks, DriverTable.Find(driver).Quirks);

    private static ClockPort Port(string name, string driver, string? bus, int clock) => new()
    {
        Name = name,
        Index = 1,
        Driver = driver,
        Bus = bus,
        Clock = clock,
        PtpStamps = StampKind.Hardware,
        PacketStamps = StampKind.Hardware,
        Quirks = DriverTable.Find(driver).Quirks,
    };
}
